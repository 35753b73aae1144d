<?php
// AES as a client in PHP uses it. A key of another length than the mode's is OpenSSL's to fill up or to cut.

declare(strict_types=1);

function iv(array $case): string
{
    $key = hex2bin($case['key']);
    return match ($case['iv']) {
        'zero' => str_repeat("\0", 16),
        'key' => substr(str_pad($key, 16, "\0"), 0, 16),
        default => hex2bin($case['iv']),
    };
}

function encrypt(string $text, array $case): string
{
    $key = hex2bin($case['key']);
    $options = OPENSSL_RAW_DATA;
    if ($case['zero_padding']) {
        $options |= OPENSSL_ZERO_PADDING;
        $text = str_pad($text, intdiv(strlen($text) + 15, 16) * 16, "\0");
    }
    if (str_ends_with($case['mode'], 'ecb')) {
        return base64_encode(openssl_encrypt($text, $case['mode'], $key, $options));
    }
    if ($case['iv'] === 'prepended') {
        $iv = openssl_random_pseudo_bytes(16);
        return base64_encode($iv . openssl_encrypt($text, $case['mode'], $key, $options, $iv));
    }
    return base64_encode(openssl_encrypt($text, $case['mode'], $key, $options, iv($case)));
}

function decrypt(string $content, array $case): string
{
    $key = hex2bin($case['key']);
    $bytes = base64_decode($content, true);
    $options = OPENSSL_RAW_DATA | ($case['zero_padding'] ? OPENSSL_ZERO_PADDING : 0);
    if (str_ends_with($case['mode'], 'ecb')) {
        $text = openssl_decrypt($bytes, $case['mode'], $key, $options);
    } elseif ($case['iv'] === 'prepended') {
        $text = openssl_decrypt(substr($bytes, 16), $case['mode'], $key, $options, substr($bytes, 0, 16));
    } else {
        $text = openssl_decrypt($bytes, $case['mode'], $key, $options, iv($case));
    }
    if ($text === false) {
        throw new RuntimeException('openssl_decrypt: ' . openssl_error_string());
    }
    return $case['zero_padding'] ? rtrim($text, "\0") : $text;
}

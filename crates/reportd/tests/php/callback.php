<?php
// Receives callbacks as a client in PHP does: verifies the signature, takes the form apart, decrypts, decodes.
// Reads one callback a line from stdin, writes what it says, a JSON object a line, to stdout.

declare(strict_types=1);
require __DIR__ . '/cipher.php';

while (($line = fgets(STDIN)) !== false) {
    $case = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    $secret = base64_decode(substr($case['callback_secret'], strlen('whsec_')), true);
    $signed = "{$case['webhook_id']}.{$case['webhook_timestamp']}.{$case['body']}";
    $signature = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $secret, true));
    parse_str($case['body'], $form);
    $verdict = json_decode(decrypt($form['content'], $case), false, 512, JSON_THROW_ON_ERROR);
    // A list would not be what the source means by a map of users.
    $has_map = is_object($verdict->result->user_result);
    $told = [
        'appid' => $form['appid'],
        'is_signed' => hash_equals($signature, $case['webhook_signature']),
        'has_map' => $has_map,
        'verdict' => $verdict,
    ];
    echo json_encode($told, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}

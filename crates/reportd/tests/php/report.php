<?php
// Builds the body of a report's request as a client in PHP does: json_encode, openssl_encrypt, base64_encode, sha1.
// Reads one case a line from stdin, writes one body a line to stdout.

declare(strict_types=1);
require __DIR__ . '/cipher.php';

while (($line = fgets(STDIN)) !== false) {
    $case = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    $report = [
        'uniqid' => '案-' . $case['report_id'],
        'report_id' => $case['report_id'],
        'category' => '场景/1',
        'redirect' => $case['redirect'],
        'timestamp' => $case['timestamp'],
        'report_evidence' => ['reason' => '广告 "刷屏" & more', 'images' => []],
        'users' => ['id_1' => ['name' => '小明', 'avatar' => 'https://a.example/1.png', 'sex' => 1], 'id_2' => ['name' => 'Ann']],
        'infos' => [
            ['id' => '1', 'type' => 'text', 'content' => '买一送一!+= %2B', 'time' => $case['timestamp']],
            ['id' => 'id_2', 'type' => 'image', 'content' => 'https://a.example/i.jpg', 'time' => $case['timestamp']],
        ],
    ];
    if ($case['lists']) {
        // Keys from 0 on make PHP write a list, and what has no members is a list too.
        $report['users'] = [['name' => '小明'], []];
        $report['infos'] = [
            ['id' => 0, 'type' => 'text', 'content' => 42, 'time' => (string) $case['timestamp']],
            ['id' => 1, 'type' => 'video', 'content' => 'https://a.example/v.mp4', 'time' => $case['timestamp'], 'tag' => 'del'],
        ];
        $report['report_evidence'] = [];
        $report['report_info'] = ['users' => $report['users'], 'infos' => $report['infos']];
        unset($report['users'], $report['infos']);
    }
    $content = encrypt(json_encode($report, $case['lists'] ? JSON_UNESCAPED_UNICODE : 0), $case);
    if ($case['twice']) {
        $content = base64_encode($content);
    }
    $form = ['appid' => $case['app'], 'sign' => sha1($case['app'] . $content), 'content' => $content];
    // One that was not encoded: on its way each + becomes a space.
    $body = $case['raw'] ? "appid={$form['appid']}&sign={$form['sign']}&content={$form['content']}" : http_build_query($form);
    echo $body, "\n";
}

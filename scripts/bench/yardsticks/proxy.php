<?php
// A CGI reverse proxy in PHP: curl, body and response streamed.
$headers = ['Expect:', 'X-Forwarded-For: ' . $_SERVER['REMOTE_ADDR']];
foreach (getallheaders() as $name => $value) {
    if (strcasecmp($name, 'Connection') !== 0 && $value !== '') {
        $headers[] = "$name: $value";
    }
}

$curl = curl_init('http://' . $_SERVER['UPSTREAM'] . $_SERVER['REQUEST_URI']);
curl_setopt_array($curl, [
    CURLOPT_CUSTOMREQUEST => $_SERVER['REQUEST_METHOD'],
    CURLOPT_HTTPHEADER => $headers,
    CURLOPT_HEADERFUNCTION => function ($curl, $line) {
        if (preg_match('#^HTTP/\S+ (\d+)#', $line, $match)) {
            http_response_code((int) $match[1]);
        } elseif (trim($line) !== '' && !preg_match('/^(Connection|Transfer-Encoding):/i', $line)) {
            header(trim($line), false);
        }
        return strlen($line);
    },
    CURLOPT_WRITEFUNCTION => function ($curl, $piece) {
        echo $piece;
        flush();
        return strlen($piece);
    },
]);
if (!empty($_SERVER['CONTENT_LENGTH'])) {
    curl_setopt_array($curl, [
        CURLOPT_UPLOAD => true,
        CURLOPT_INFILE => fopen('php://input', 'rb'),
        CURLOPT_INFILESIZE => (int) $_SERVER['CONTENT_LENGTH'],
    ]);
}
if (!curl_exec($curl)) {
    http_response_code(502);
}

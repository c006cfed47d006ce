<?php
// Install: nothing but PHP (apt-get install php-cli)
// Edit: START_DIR in .htcgiproxy, which goes beside proxy.cgi.

// proxy.cgi says who asks, and for which address.
$https = $_SERVER['HTTP_X_FORWARDED_PROTO'] === 'https';
$prefix = $_SERVER['HTTP_X_FORWARDED_PREFIX'] ?? '';

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    setcookie('name', $_POST['name'], ['path' => '/', 'secure' => $https, 'httponly' => true, 'samesite' => 'Lax']);
    header('Location: /', true, 303); // proxy.cgi puts the prefix before both
    exit;
}
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>PHP</title>
<h1>Hello, <?= htmlspecialchars($_COOKIE['name'] ?? 'stranger') ?>!</h1>
<form method="post">
  <label>Your name: <input name="name" required></label>
  <button>Send</button>
</form>
<dl>
  <dt>address</dt><dd><?= htmlspecialchars(($https ? 'https' : 'http') . "://{$_SERVER['HTTP_HOST']}$prefix{$_SERVER['REQUEST_URI']}") ?></dd>
  <dt>client</dt><dd><?= htmlspecialchars($_SERVER['HTTP_X_REAL_IP']) ?></dd>
  <dt>prefix</dt><dd><?= htmlspecialchars($prefix) ?></dd>
</dl>
</html>

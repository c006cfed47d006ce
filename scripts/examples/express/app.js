// Install: npm ci
// Edit: START_DIR in .htcgiproxy, which goes beside proxy.cgi.
const cookies = require("cookie-parser");
const express = require("express");

const app = express();
app.set("trust proxy", "loopback"); // proxy.cgi says who asks, and for which address
app.use(cookies(), express.urlencoded({ extended: false }));

const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

app.get("/", (req, res) => {
  const prefix = req.get("X-Forwarded-Prefix") ?? "";
  res.send(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Express</title>
<h1>Hello, ${escape(req.cookies.name ?? "stranger")}!</h1>
<form method="post">
  <label>Your name: <input name="name" required></label>
  <button>Send</button>
</form>
<dl>
  <dt>address</dt><dd>${escape(`${req.protocol}://${req.get("Host")}${prefix}${req.originalUrl}`)}</dd>
  <dt>client</dt><dd>${escape(req.ip)}</dd>
  <dt>prefix</dt><dd>${escape(prefix)}</dd>
</dl>
</html>
`);
});

app.post("/", (req, res) => {
  res.cookie("name", req.body.name, { secure: req.secure, httpOnly: true, sameSite: "lax" });
  res.redirect(303, "/"); // proxy.cgi puts the prefix before it
});

app.listen(process.env.PORT, "127.0.0.1");

#!/usr/bin/env python3
"""A CGI reverse proxy in Python: http.client, body and response streamed."""
import http.client
import os
import shutil
import sys

env = os.environ
headers = {k[5:].replace("_", "-").title(): v for k, v in env.items() if k.startswith("HTTP_")}
for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
    if env.get(name):
        headers[name.replace("_", "-").title()] = env[name]
headers["X-Forwarded-For"] = env["REMOTE_ADDR"]
headers["Connection"] = "close"
body = sys.stdin.buffer if env.get("CONTENT_LENGTH") else None

app = http.client.HTTPConnection(env["UPSTREAM"], timeout=60)
app.request(env["REQUEST_METHOD"], env["REQUEST_URI"], body, headers)
response = app.getresponse()

out = sys.stdout.buffer
out.write(f"Status: {response.status} {response.reason}\r\n".encode("latin-1"))
for name, value in response.getheaders():
    if name.lower() not in ("connection", "transfer-encoding"):
        out.write(f"{name}: {value}\r\n".encode("latin-1"))
out.write(b"\r\n")
shutil.copyfileobj(response, out)

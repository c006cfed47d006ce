import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
django = get_wsgi_application()


def application(environ, start_response):
    # proxy.cgi says who asks, and in which folder the site is.
    environ["REMOTE_ADDR"] = environ.get("HTTP_X_REAL_IP", "")
    environ["SCRIPT_NAME"] = environ.get("HTTP_X_FORWARDED_PREFIX", "")
    return django(environ, start_response)

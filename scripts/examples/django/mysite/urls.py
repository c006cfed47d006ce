from urllib.parse import quote, unquote

from django.shortcuts import redirect, render
from django.urls import path


def home(request):
    if request.method == "POST":
        response = redirect("home")
        name = quote(request.POST["name"])
        response.set_cookie("name", name, secure=request.is_secure(), httponly=True, samesite="Lax")
        return response
    return render(request, "home.html", {
        "name": unquote(request.COOKIES.get("name", "stranger")),
        "address": request.build_absolute_uri(),
        "client": request.META["REMOTE_ADDR"],
        "prefix": request.META["SCRIPT_NAME"],
    })


urlpatterns = [path("", home, name="home")]

"""A page in Django with a line fitted through some points, so that every requirement is used."""

import os

import numpy
import pandas
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path
from sklearn.linear_model import LinearRegression

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY", "nothing is signed here"),
)


def fit(request):
    """y = 3x + 2, recovered from points that scatter around it."""
    x = numpy.arange(100.0)
    noise = numpy.random.default_rng(seed=1).normal(size=100)
    points = pandas.DataFrame({"x": x, "y": 3 * x + 2 + noise})
    model = LinearRegression().fit(points[["x"]], points["y"])
    return JsonResponse(
        {
            "points": len(points),
            "slope": round(float(model.coef_[0]), 1),
            "mean": round(float(points["x"].mean()), 1),
        }
    )


urlpatterns = [path("", fit)]
application = get_wsgi_application()

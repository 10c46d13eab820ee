"""A page that says hello and asks itself, so that every requirement is used."""

import os

import requests
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "<h1>Hello from slipway</h1>\n"


@app.get("/self")
def ask_itself():
    answer = requests.get(f"http://127.0.0.1:{os.environ['PORT']}/", timeout=5)
    return {"status": answer.status_code, "bytes": len(answer.content)}

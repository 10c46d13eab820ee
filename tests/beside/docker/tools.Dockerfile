# uv and the wheels, downloaded once for both.
FROM scratch
COPY uv /uv
COPY wheels /wheels

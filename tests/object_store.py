"""An S3 server on this machine, for tests of object stores."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

BUCKET = "frames"


@contextmanager
def s3_server(monkeypatch) -> Generator[str]:
    """Serves S3 with one empty bucket; yields the bucket's address and sets the environment that our code reads."""
    from moto.server import ThreadedMotoServer
    from pyarrow.fs import S3FileSystem

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it prints a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    try:
        system = S3FileSystem(
            endpoint_override=settings["AWS_ENDPOINT_URL"], region="us-east-1", allow_bucket_creation=True
        )
        system.create_dir(BUCKET)
        yield f"s3://{BUCKET}"
    finally:
        server.stop()

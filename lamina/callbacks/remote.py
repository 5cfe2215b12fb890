"""``RemoteMonitor``: the numbers of each epoch for a server that the user runs."""

from __future__ import annotations

import json
import warnings
from typing import Any

from lamina.training.callback import Callback
from lamina.training.progress import is_number


class RemoteMonitor(Callback):
    """Post the logs of each epoch to a server, as a form field or as JSON. When it can't be reached, training goes on.

    Arguments:
        root, path: the address: ``root + path``.
        field: the name of the form field that holds the logs as JSON.
        headers: of the request.
        send_as_json: send the logs as the JSON body, in place of a form.

    Raises:
        ValueError: for an address that is not ``http://`` or ``https://``.

    Source: https://keras.io/api/callbacks/remote_monitor/

    >>> RemoteMonitor(root="http://localhost:9000").path
    '/publish/epoch/end/'
    """

    timeout = 10.0  # seconds

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if not root.startswith(("http://", "https://")):
            raise ValueError(f"The root of RemoteMonitor must be an http:// or https:// address, and got {root!r}.")
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        import urllib.parse  # only here: nobody else in lamina talks to a server, and importing it takes time
        import urllib.request

        numbers = {name: float(value) for name, value in (logs or {}).items() if is_number(value)}
        text = json.dumps({"epoch": epoch, **numbers})
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        request = urllib.request.Request(
            self.root + self.path, body.encode(), {"Content-Type": kind, **(self.headers or {})}
        )
        try:
            urllib.request.urlopen(request, timeout=self.timeout).close()
        except OSError as error:
            warnings.warn(f"RemoteMonitor could not reach {self.root}: {error}.", stacklevel=2)

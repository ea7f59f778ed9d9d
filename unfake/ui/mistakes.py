"""Gradio with two things mended: every failure ends as one sentence in our words, and no visitor fills its memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr
from fastapi.exceptions import RequestValidationError
from gradio.exceptions import InvalidPathError
from gradio.route_utils import FnIndexInferError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from unfake.errors import InputError, sentence

MALFORMED = "The request is not of the form that is expected here: an object whose data is a list of values, as JSON."
UNKNOWN = "There is no such endpoint."
SESSIONS = 2000  # as many as Gradio keeps unread answers of
NOT_UPLOADED = "That file was not uploaded here, or is gone."


class Blocks(gr.Blocks):
    """Gradio's, in which every failure ends as one sentence: also where the values reach none of our functions.

    Of what was sent and answered it keeps nothing but the answers that nobody has fetched yet, of the last `SESSIONS`
    visitors and calls.
    """

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Raise InputError for too few values, and in an endpoint for programs for too many."""
        needed, given = len(block_fn.inputs), len(inputs)
        if given < needed or (given > needed and block_fn.api_visibility == "public"):
            raise InputError(f"The number of values does not fit: {needed} are needed, and {given} came.")

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *rest: Any, **options: Any) -> Any:
        """Make arguments of what was sent; what cannot be made into them is the sender's mistake, and is not logged."""
        try:
            return await super().preprocess_data(block_fn, inputs, *rest, **options)
        except gr.Error:
            raise
        except InvalidPathError as error:
            raise gr.Error(NOT_UPLOADED, print_exception=False) from error
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from error

    async def process_api(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Answer a call of the page or of a program; what else is raised is our own mistake, and is logged."""
        try:
            return await super().process_api(*arguments, **options)
        except gr.Error:
            raise
        except Exception as error:
            raise gr.Error(sentence(error)) from error
        finally:
            self._forget(options.get("state"))

    def _forget(self, state: Any) -> None:
        """Drop what Gradio keeps of a call for its deep links, which are closed here, and of calls long past."""
        if state is not None:
            state.config_values.clear()
        queue = self._queue
        if len(queue.pending_event_ids_session) > 2 * SESSIONS:
            for session in queue.pending_event_ids_session.keys() - queue.pending_messages_per_session.keys():
                del queue.pending_event_ids_session[session]


async def _malformed(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": MALFORMED}, status_code=422)


async def _unknown(_: Request, error: Exception) -> Response:
    """For a function by a name or number that there is not: Gradio looks numbers up in a table of its own."""
    if isinstance(error, KeyError) and not (error.args and isinstance(error.args[0], int)):
        raise error
    return JSONResponse({"detail": UNKNOWN}, status_code=404)


HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    RequestValidationError: _malformed,
    FnIndexInferError: _unknown,
    KeyError: _unknown,
}

"""Clicks inside of HTML that the app draws."""

from __future__ import annotations


def keep(attribute: str, variable: str) -> str:
    """``js_on_load`` that keeps the ``data-`` attribute of what was clicked in a variable of the window.

    One listener on the element serves whatever is drawn in it later. The event's own ``js`` reads the variable when it
    is sent, not when the click is made: of several fast clicks, Gradio may otherwise send an earlier one last.
    """
    return f"""element.addEventListener('click', (event) => {{
  const clicked = event.target.closest('[data-{attribute}]');
  if (!clicked) return;
  window.{variable} = clicked.dataset.{attribute};
  trigger('click');
}});"""

"""The screens, in Gradio."""

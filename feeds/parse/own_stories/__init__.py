"""Readers of our own stories: files of Markdown, HTML or plain text, with or without front matter."""

"""Stories of our own: files of Markdown, HTML or plain text, with or without front matter."""

"""Pages for browsers: their templates, style sheets and script, and the values that the templates are given."""

"""An S3 server, with an empty bucket for each test."""

from __future__ import annotations

from s3 import s3_port, s3_proxy, s3_server

__all__ = ["s3_port", "s3_proxy", "s3_server"]

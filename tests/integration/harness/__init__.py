"""Real servers for the tests: each class starts one on a free port of 127.0.0.1, asks until it is ready, and stops it by its pid."""

from .backend import Backend
from .certificates import Authority, public_tls, trusting_context
from .client import Client, Refused, connect_path, handshake
from .consumer import Consumer
from .fastcgi import fastcgi_request
from .http import Answer, request, send_raw
from .node import Node
from .process import BUILD, Process, crashes, free_port, live_processes, wait_until, write_sanitizer_reports_to
from .rabbitmq import RabbitMq
from .redis_groups import RedisCluster, RedisSentinels
from .redis_server import RedisServer
from .stack import CLUSTER_SECRET, Stack
from .token import TOKEN_SECRET, make_token
from .web import API_KEY, ApacheWeb, CgiWeb, FcgiSend, LighttpdWeb
from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, frame, frame_head, masked

__all__ = [
    "API_KEY", "BINARY", "BUILD", "CLOSE", "CLUSTER_SECRET", "CONTINUATION", "PING", "PONG", "TEXT", "TOKEN_SECRET", "Answer", "ApacheWeb", "Authority", "Backend", "CgiWeb",
    "Client", "Consumer", "FcgiSend", "LighttpdWeb", "Node", "Process", "RabbitMq", "RedisCluster", "RedisSentinels", "RedisServer", "Refused", "Stack", "Wire", "connect_path",
    "crashes", "fastcgi_request", "frame", "frame_head", "free_port", "handshake", "live_processes", "make_token", "masked", "public_tls", "request", "send_raw",
    "trusting_context", "wait_until", "write_sanitizer_reports_to",
]  # fmt: skip

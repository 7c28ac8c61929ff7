"""Asks for health over gRPC with the client that Python has for it: ask_health.py HOST:PORT

The server's one check is what GET /up and GET /down say, which only this program calls; GET /drain begins its shutdown.
Ends with an error at the first answer that is not as promised.
"""

import sys
from urllib.request import urlopen

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

ADDRESS = sys.argv[1]
SECONDS = 20
Status = health_pb2.HealthCheckResponse.ServingStatus
health = health_pb2_grpc.HealthStub(grpc.insecure_channel(ADDRESS))


def asking(service):
    return health_pb2.HealthCheckRequest(service=service)


def check(service):
    try:
        return Status.Name(health.Check(asking(service), timeout=SECONDS).status)
    except grpc.RpcError as error:
        return error.code().name


def watch(service):
    stream = health.Watch(asking(service), timeout=SECONDS)
    return stream, (Status.Name(said.status) for said in stream)


def expect(what, found, wanted):
    print(f"{what}: {found}", flush=True)
    if found != wanted:
        sys.exit(f"{what}: expected {wanted}, found {found}")


def say(path):
    urlopen(f"http://{ADDRESS}/{path}", timeout=SECONDS).close()


everything, prices = watch(""), watch("shop.v1.Prices")
live, nobody = watch("liveness"), watch("nobody")
watched = {"everything": everything, "shop.v1.Prices": prices}

for name, (_, said) in watched.items():
    expect(f"{name} is watched before the first round", next(said), "NOT_SERVING")
expect("liveness is watched", next(live[1]), "SERVING")
expect("nobody is watched", next(nobody[1]), "SERVICE_UNKNOWN")
expect("everything is checked before the first round", check(""), "NOT_SERVING")

for path, status in (("up", "SERVING"), ("down", "NOT_SERVING"), ("up", "SERVING")):
    say(path)
    for name, (_, said) in watched.items():
        expect(f"{name} is watched while it is {path}", next(said), status)
    for service in ("", "readiness", "shop.v1.Prices"):
        expect(f"{service!r} is checked while it is {path}", check(service), status)
    expect(f"liveness is checked while it is {path}", check("liveness"), "SERVING")

expect("nobody is checked", check("nobody"), "NOT_FOUND")
expect("the stream of nobody is open", nobody[0].is_active(), True)
expect("the stream of liveness is open", live[0].is_active(), True)

say("drain")
for name, (stream, said) in watched.items():
    expect(f"{name} is watched while it drains", next(said), "NOT_SERVING")
    expect(f"{name} has no more to say", next(said, None), None)
    expect(f"{name} has ended", stream.code().name, "OK")
expect("nobody has no more to say", next(nobody[1], None), None)
expect("everything is checked while it drains", check(""), "NOT_SERVING")
expect("liveness is checked while it drains", check("liveness"), "SERVING")

"""Asks both services by plain grpcio, which knows of no mesh. Usage: `python ask.py ADDRESS`."""

import sys

import grpc
from helloworld_pb2 import HelloRequest
from helloworld_pb2_grpc import GreeterStub
from route_guide_pb2 import Point, Rectangle
from route_guide_pb2_grpc import RouteGuideStub

with grpc.insecure_channel(sys.argv[1]) as channel:
    print(GreeterStub(channel).SayHello(HelloRequest(name="you")).message)
    guide = RouteGuideStub(channel)
    print(guide.GetFeature(Point(latitude=409146138, longitude=-746188906)).name)
    try:
        list(guide.ListFeatures(Rectangle()))
    except grpc.RpcError as error:
        print(error.code().name, error.details())

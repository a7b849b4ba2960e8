// Calls a method of the mesh from Go, through one collector: go run . 127.0.0.1:50051
// The package collectorpb is generated from dispatcher.proto, see docs/howto/other-languages.md.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"example.org/yours/collectorpb"
)

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := collectorpb.NewCollectiveDispatcherClient(connection)

	input, err := anypb.New(structpb.NewStringValue("Go")) // for a handler that takes a text
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "trace-id", "7")

	response, err := client.Dispatch(ctx, &collectorpb.DispatchRequest{
		Namespace:  "greetings",
		Service:    &collectorpb.ServiceTypeRef{ServiceName: "GreetingService"},
		MethodName: "Greet",
		Input:      input,
	})
	if err != nil { // of the connection, or of the deadline
		log.Fatal(err)
	}
	if status := response.GetStatus(); status.GetCode() != 200 { // what the mesh has to say
		log.Fatalf("%d %s %v", status.GetCode(), status.GetMessage(), status.GetDetails())
	}
	greeting := &structpb.Value{}
	if err := response.GetOutput().UnmarshalTo(greeting); err != nil {
		log.Fatal(err)
	}
	fmt.Println(greeting.GetStringValue(), "said", response.GetHandledByCollectorId())
}

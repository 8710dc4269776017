// The load for both echo servers: connections that each send a request, wait for all of it to come back and
// send the next. One thread on epoll. Prints how many came back a second.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "timing.h"

enum { request_bytes = 64, most_connections = 1024 };

struct connection {
	int descriptor;
	int received; /* bytes of the answer so far */
};

static struct connection connections[most_connections];
static const char request[request_bytes] = "what is sent comes back";

static void send_request(struct connection *connection)
{
	if (send(connection->descriptor, request, request_bytes, MSG_NOSIGNAL) != request_bytes)
		fail("cannot send a request to the server");
}

static void open_connection(struct connection *connection, int poll, uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
	int one = 1;

	connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(connection->descriptor, (struct sockaddr *)&address, sizeof address) != 0)
		fail("cannot connect to the server");
	setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	epoll_ctl(poll, EPOLL_CTL_ADD, connection->descriptor, &event);
}

/* Takes in what has come; returns 1 if that was the last of an answer. */
static int receive(struct connection *connection)
{
	char answer[request_bytes];
	ssize_t bytes = recv(connection->descriptor, answer, (size_t)(request_bytes - connection->received), MSG_DONTWAIT);

	if (bytes < 0 && errno == EAGAIN)
		return 0;
	if (bytes <= 0 || memcmp(answer, request + connection->received, (size_t)bytes) != 0)
		fail("the server sent something else than it received");
	connection->received += (int)bytes;
	if (connection->received < request_bytes)
		return 0;
	connection->received = 0;
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		fail("usage: echo-load PORT CONNECTIONS SECONDS");
	int count = atoi(argv[2]), poll = epoll_create1(EPOLL_CLOEXEC);
	if (count < 1 || count > most_connections)
		fail("1 to 1024 connections");
	for (int i = 0; i < count; i++)
		open_connection(&connections[i], poll, (uint16_t)atoi(argv[1]));

	double start = now_ns(), end = start + atof(argv[3]) * 1e9;
	uint64_t answers = 0;
	for (int i = 0; i < count; i++)
		send_request(&connections[i]);
	while (now_ns() < end) {
		struct epoll_event events[most_connections];
		int ready = epoll_wait(poll, events, most_connections, 1000);

		if (ready == 0)
			fail("the server has not answered for a second");
		for (int i = 0; i < ready; i++) {
			struct connection *connection = events[i].data.ptr;

			if (receive(connection)) {
				answers++;
				send_request(connection);
			}
		}
	}
	printf("{\"rps\":%.1f}\n", (double)answers * 1e9 / (now_ns() - start));
	return 0;
}

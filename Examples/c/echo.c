/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An echo server and its clients on one thread: every connection is a fibril whose calls block it alone.
 *
 *     cc -o echo echo.c $(pkg-config --cflags --libs fibril)
 *     ./echo
 *
 * --helpers           without io_uring
 * --wait-for-tracer   begins when `fibril trace -p PID` listens
 * --wait              ends when standard input does
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fibril.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 8, MESSAGES = 100 };

static struct sockaddr_in address = {.sin_family = AF_INET};
static int connections, echoed;
static bool was_cancelled;

/* Ends the program if a function of fibril.h has failed. */
static int64_t check(const char *what, int64_t result)
{
	if (result < 0) {
		fprintf(stderr, "echo: cannot %s: %s\n", what, strerror((int)-result));
		exit(1);
	}
	return result;
}

static void serve_connection(void *argument)
{
	int descriptor = (int)(intptr_t)argument;
	char text[256];
	int64_t count;

	while ((count = fibril_call(SYS_read, descriptor, text, sizeof text)) > 0)
		check("echo", fibril_call(SYS_write, descriptor, text, count));
	fibril_call(SYS_close, descriptor);
}

/* Until it is cancelled: then the accept in which it is blocked returns -EINTR. */
static void accept_clients(void *argument)
{
	int listener = *(int *)argument;
	int64_t descriptor;

	while ((descriptor = fibril_call(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		connections++;
		check("spawn", fibril_spawn("connection", 0, serve_connection, (void *)(intptr_t)descriptor, NULL));
	}
	was_cancelled = fibril_is_cancelled();
}

static void be_client(void *argument)
{
	int number = (int)(intptr_t)argument;
	int descriptor = (int)check("make a socket", fibril_call(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	check("connect", fibril_call(SYS_connect, descriptor, &address, sizeof address));
	for (int i = 0; i < MESSAGES; i++) {
		char sent[32], received[32];
		int length = snprintf(sent, sizeof sent, "message %d of client %d", i, number);

		check("send", fibril_call(SYS_write, descriptor, sent, length));
		check("receive", fibril_call(SYS_recvfrom, descriptor, received, length, MSG_WAITALL));
		echoed += memcmp(sent, received, (size_t)length) == 0;
	}
	fibril_call(SYS_close, descriptor);
}

static int start_listening(void)
{
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listener, CLIENTS) < 0 || getsockname(listener, (struct sockaddr *)&address, &length) < 0) {
		perror("echo: cannot listen");
		exit(1);
	}
	return listener;
}

int main(int argc, char **argv)
{
	struct fibril_task_options options = {0};
	struct fibril_event_counts counts;
	fibril_t acceptor, client[CLIENTS];
	bool waits = false, waits_for_tracer = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--helpers") == 0)
			options.flags |= FIBRIL_TASK_WITHOUT_IO_URING;
		waits |= strcmp(argv[i], "--wait") == 0;
		waits_for_tracer |= strcmp(argv[i], "--wait-for-tracer") == 0;
	}
	while (waits_for_tracer && !fibril_is_traced())
		usleep(1000);
	int listener = start_listening();
	check("make a task", fibril_task_create(&options));
	check("spawn", fibril_spawn(NULL, 0, accept_clients, &listener, &acceptor));
	for (intptr_t i = 0; i < CLIENTS; i++)
		check("spawn", fibril_spawn("client", 0, be_client, (void *)i, &client[i]));
	for (int i = 0; i < CLIENTS; i++)
		check("join a client", fibril_join(client[i], fibril_after_ns(60000000000)));
	if (waits) {
		char byte;
		while (fibril_call(SYS_read, STDIN_FILENO, &byte, 1) > 0)
			;
	}
	check("cancel", fibril_cancel(acceptor));
	check("join the acceptor", fibril_join(acceptor, fibril_after_ns(60000000000)));
	check("join the connections", fibril_join_all());
	printf("%d connections, %d messages echoed, acceptor %s\n", connections, echoed,
	       was_cancelled ? "cancelled" : "failed");
	check("count", fibril_task_counts(&counts));
	printf("submits %" PRIu64 " blocks %" PRIu64 " wakes %" PRIu64 " switches %" PRIu64 " sleeps %" PRIu64
	       " resumes %" PRIu64 " teardowns %" PRIu64 "\n",
	       counts.submits, counts.blocks, counts.wakes, counts.switches, counts.sleeps, counts.resumes,
	       counts.teardowns);
	check("end the task", fibril_task_destroy());
	close(listener);
	return 0;
}

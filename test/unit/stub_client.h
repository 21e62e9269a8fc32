/*
 * stub_client.h
 *		For unit tests: the test server (test/lib/stub_server.c), started and told.
 */
#ifndef LH_TEST_STUB_CLIENT_H
#define LH_TEST_STUB_CLIENT_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Stub
{
	pid_t pid;
	int in; /* the server ends when this is closed */
	int port;
} Stub;

extern char **environ;

/* args: after --root, ended by NULL */
static inline void
stub_start(Stub *stub, const char *root, const char *const *args)
{
	char self[4096], program[4200];
	char *argv[24] = {"stub_server", "--root", (char *) root};
	int in[2], out[2], n = 3;
	posix_spawn_file_actions_t actions;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *f;

	assert_true(len > 0);
	self[len] = '\0';
	snprintf(program, sizeof(program), "%s/stub_server", dirname(self));
	for (; args != NULL && *args != NULL; args++)
		argv[n++] = (char *) *args;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	assert_int_equal(posix_spawn(&stub->pid, program, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	stub->in = in[1];
	f = fdopen(out[0], "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "port %d", &stub->port), 1);
	fclose(f);
}

static inline void
stub_stop(Stub *stub)
{
	close(stub->in);
	waitpid(stub->pid, NULL, 0);
}

/* The body of a GET, by a client that has nothing to do with ours. */
static inline char *
stub_get(const Stub *stub, const char *target)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t) stub->port),
							   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	size_t n = 0, cap = 1 << 20;
	char *buf = malloc(cap + 1), *body;
	char request[2048];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t k;

	assert_int_equal(connect(fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", target);
	assert_int_equal(write(fd, request, strlen(request)), (ssize_t) strlen(request));
	while ((k = read(fd, buf + n, cap - n)) > 0)
		n += (size_t) k;
	close(fd);
	buf[n] = '\0';
	body = strstr(buf, "\r\n\r\n");
	assert_non_null(body);
	memmove(buf, body + 4, strlen(body + 4) + 1);
	return buf;
}

static inline void
stub_tell(const Stub *stub, const char *what)
{
	char target[1024];

	snprintf(target, sizeof(target), "/_stub/%s", what);
	free(stub_get(stub, target));
}

/* Lines of the log that hold the text. */
static inline int
stub_count(const Stub *stub, const char *text)
{
	char *log = stub_get(stub, "/_stub/log"), *save = NULL;
	int n = 0;

	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		n += strstr(line, text) != NULL;
	free(log);
	return n;
}

#endif

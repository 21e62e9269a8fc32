/*
 * nats_server.h
 *		A nats-server of a test's own: a free port of loopback, a directory for its store.
 */
#ifndef NATS_SERVER_H
#define NATS_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct NatsServer
{
	char		dir[64];
	int			port;
	pid_t		pid;			/* 0: it does not run */
} NatsServer;

/* NULL: there is none on this machine. */
static inline const char *
nats_server_program(void)
{
	static const char *const places[] = {"/usr/sbin/nats-server", "/usr/bin/nats-server",
										 "/usr/local/bin/nats-server"};
	const char *given = getenv("LAKEHOUSE_NATS_SERVER");

	if (given != NULL)
		return access(given, X_OK) == 0 ? given : NULL;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static inline int
nats_free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof(a)) != 0 ||
		getsockname(fd, (struct sockaddr *) &a, &len) != 0)
		abort();
	close(fd);
	return ntohs(a.sin_port);
}

static inline bool
nats_listens(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
							.sin_port = htons((uint16_t) port),
							.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool up = connect(fd, (struct sockaddr *) &a, sizeof(a)) == 0;

	close(fd);
	return up;
}

/* The directory and the port; "more" is added to the configuration. */
static inline void
nats_server_make(NatsServer *s, const char *more)
{
	char path[128];
	FILE *f;

	memset(s, 0, sizeof(*s));
	strcpy(s->dir, "/tmp/lh_nats_XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		abort();
	s->port = nats_free_port();
	snprintf(path, sizeof(path), "%s/conf", s->dir);
	f = fopen(path, "w");
	fprintf(f, "listen: \"127.0.0.1:%d\"\nserver_name: \"test_%d\"\nmax_payload: 262144\n%s\n", s->port, s->port, more);
	if (strstr(more, "jetstream") == NULL)
		fprintf(f, "jetstream { store_dir: \"%s/js\", max_mem: 64MB, max_file: 1GB }\n", s->dir);
	fclose(f);
}

/* False: it does not come up. */
static inline bool
nats_server_start(NatsServer *s)
{
	char conf[128], log[128];

	snprintf(conf, sizeof(conf), "%s/conf", s->dir);
	snprintf(log, sizeof(log), "%s/log", s->dir);
	s->pid = fork();
	if (s->pid == 0)
	{
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, 1);
		dup2(fd, 2);
		/* a preloaded sanitizer is for our own programs */
		unsetenv("LD_PRELOAD");
		execl(nats_server_program(), "nats-server", "-c", conf, (char *) NULL);
		_exit(127);
	}
	for (int i = 0; i < 3000 && !nats_listens(s->port); i++)
	{
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
		{
			s->pid = 0;
			return false;
		}
		usleep(10000);
	}
	return true;
}

static inline void
nats_server_kill(NatsServer *s, int signal)
{
	if (s->pid == 0)
		return;
	kill(s->pid, signal);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

static inline int
nats_remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void) st;
	(void) flag;
	(void) ftw;
	return remove(path);
}

static inline void
nats_server_remove(NatsServer *s)
{
	nats_server_kill(s, SIGKILL);
	nftw(s->dir, nats_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif

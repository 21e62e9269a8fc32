/*
 * redis_run.h
 *		Real Redis servers for tests, in a directory of their own, and a foreign reader of them.
 */
#ifndef REDIS_RUN_H
#define REDIS_RUN_H

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define REDIS_PROGRAM "/usr/bin/redis-server"
#define REDIS_ARGS	  32

typedef struct Redis
{
	char dir[64];
	char socket[96];
	int port; /* 0: the socket alone */
	pid_t pid;
	const char *args[REDIS_ARGS]; /* more settings, each as --name value */
	int nargs;
} Redis;

static inline bool
redis_is_installed(void)
{
	return access(REDIS_PROGRAM, X_OK) == 0;
}

/* A port that is free now. */
static inline int
redis_free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *) &a, sizeof(a)) != 0 || getsockname(fd, (struct sockaddr *) &a, &len) != 0)
		abort();
	close(fd);
	return ntohs(a.sin_port);
}

static inline void
redis_set(Redis *s, const char *name, const char *value)
{
	if (s->nargs + 2 > REDIS_ARGS)
		abort();
	s->args[s->nargs++] = name;
	s->args[s->nargs++] = value;
}

static inline redisContext *
redis_try(const Redis *s)
{
	redisContext *c = redisConnectUnix(s->socket);

	if (c != NULL && c->err == 0)
		return c;
	if (c != NULL)
		redisFree(c);
	return NULL;
}

/* Its data stay between starts; returns when it listens (it may still load). */
static inline void
redis_start(Redis *s)
{
	char port[16], log[96];

	if (s->dir[0] == '\0')
	{
		strcpy(s->dir, "/tmp/lakehouse-redis.XXXXXX");
		if (mkdtemp(s->dir) == NULL)
			abort();
		snprintf(s->socket, sizeof(s->socket), "%s/redis.sock", s->dir);
	}
	snprintf(port, sizeof(port), "%d", s->port);
	snprintf(log, sizeof(log), "%s/log", s->dir);
	unlink(s->socket);
	s->pid = fork();
	if (s->pid == 0)
	{
		const char *argv[REDIS_ARGS + 32] = {
			"redis-server", "--port",	   port,	 "--bind", "127.0.0.1", "--unixsocket",	 s->socket,
			"--dir",		s->dir,		   "--save", "",	   "--logfile", log,			 "--appendonly",
			"yes",			"--appendfsync", "always"};
		int n = 17;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		unsetenv("LD_PRELOAD");
		for (int i = 0; i < s->nargs; i++)
			argv[n++] = s->args[i];
		execv(REDIS_PROGRAM, (char *const *) argv);
		_exit(127);
	}
	for (int i = 0; i < 3000; i++)
	{
		redisContext *c = redis_try(s);

		if (c != NULL)
		{
			redisFree(c);
			return;
		}
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
			break;
		usleep(10000);
	}
	fprintf(stderr, "redis-server does not start: %s\n", log);
	abort();
}

static inline void
redis_kill(Redis *s, int sig)
{
	if (s->pid > 0)
	{
		kill(s->pid, sig);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	s->pid = 0;
}

static inline void
redis_remove(Redis *s)
{
	char command[128];

	redis_kill(s, SIGKILL);
	if (s->dir[0] != '\0')
	{
		snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
		if (system(command) != 0)
			abort();
	}
	memset(s, 0, sizeof(*s));
}

/* A command by a foreign client; fails the test where the server does not answer. */
static inline redisReply *
redis_do(const Redis *s, const char *format, ...)
{
	redisContext *c = redis_try(s);
	redisReply *reply;
	va_list ap;

	if (c == NULL)
		fail_msg("no connection to %s", s->socket);
	va_start(ap, format);
	reply = redisvCommand(c, format, ap);
	va_end(ap);
	if (reply == NULL)
		fail_msg("%s: %s", format, c->errstr);
	redisFree(c);
	return reply;
}

/* Returns its integer. */
static inline long long
redis_number(const Redis *s, const char *format, const char *a)
{
	redisReply *reply = redis_do(s, format, a);
	long long n = reply->integer;

	if (reply->type != REDIS_REPLY_INTEGER)
		fail_msg("%s: %s", format, reply->type == REDIS_REPLY_ERROR ? reply->str : "not a number");
	freeReplyObject(reply);
	return n;
}

/* A command that has to work. */
static inline void
redis_ok(const Redis *s, const char *format, ...)
{
	redisContext *c = redis_try(s);
	redisReply *reply;
	va_list ap;

	if (c == NULL)
		fail_msg("no connection to %s", s->socket);
	va_start(ap, format);
	reply = redisvCommand(c, format, ap);
	va_end(ap);
	if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", format, reply == NULL ? c->errstr : reply->str);
	freeReplyObject(reply);
	redisFree(c);
}

/* Wait for a server that reads its data. */
static inline void
redis_wait_loaded(const Redis *s)
{
	for (int i = 0; i < 3000; i++)
	{
		redisReply *reply = redis_do(s, "PING");
		bool up = reply->type == REDIS_REPLY_STATUS;

		freeReplyObject(reply);
		if (up)
			return;
		usleep(10000);
	}
	fail_msg("redis-server does not become ready");
}

/* All of a stream: "ID name=value ...|ID ...". */
static inline void
redis_stream_text(const Redis *s, const char *key, char *out, size_t size)
{
	redisReply *reply = redis_do(s, "XRANGE %s - +", key);
	size_t n = 0;

	if (reply->type != REDIS_REPLY_ARRAY)
		fail_msg("XRANGE %s: %s", key, reply->str);
	out[0] = '\0';
	for (size_t i = 0; i < reply->elements && n < size; i++)
	{
		redisReply *e = reply->element[i], *f = e->element[1];

		n += (size_t) snprintf(out + n, size - n, "%s%s", i > 0 ? "|" : "", e->element[0]->str);
		for (size_t k = 0; k < f->elements && n < size; k += 2)
			n += (size_t) snprintf(out + n, size - n, " %s=%s", f->element[k]->str, f->element[k + 1]->str);
	}
	freeReplyObject(reply);
}

#endif

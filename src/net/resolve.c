/*
 * resolve.c
 *		Host names, resolved where a cancel can stop it.
 *
 * getaddrinfo(3) blocks for as long as name servers keep silent, half a minute
 * or more, and nothing can interrupt it: a thread in it can neither be joined
 * in time nor left behind when a statement ends (ADR 5).  A process can be
 * killed.  So a name is looked up by getent(1) of the C library, which asks what
 * getaddrinfo asks (nsswitch.conf, hosts, DNS):
 *
 *	1. it is spawned with all signals at their defaults, no descriptor but a pipe,
 *	   and no argument that could be taken for an option; it stays in the process
 *	   group, so that what ends the whole group ends it, too;
 *	2. its output is read when the host says that it is ready;
 *	3. on cancel, timeout or reset of the arena it is killed and waited for, which
 *	   takes microseconds.
 *
 * Answers are kept for a minute.  libcurl is given addresses only and so never
 * looks up a name, nor starts a thread.
 */
#include "net/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define GETENT  "/usr/bin/getent"
#define KEEP_MS 60000

extern char **environ;

/*
 * The child
 */

/* Its descriptors: nothing on 0 and 2, the pipe on 1. */
static bool
set_actions(posix_spawn_file_actions_t *actions, int out)
{
	return posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0) == 0 &&
		   posix_spawn_file_actions_adddup2(actions, out, 1) == 0 &&
		   posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0) == 0 &&
		   posix_spawn_file_actions_addclosefrom_np(actions, 3) == 0;
}

static bool
set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	return posix_spawnattr_setsigmask(attr, &none) == 0 &&
		   posix_spawnattr_setsigdefault(attr, &all) == 0 &&
		   posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0;
}

/* 0, or an errno. */
static int
spawn(const char *program, const char *host, int out, pid_t *child)
{
	char *argv[] = {"getent", "ahosts", (char *) host, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc == 0)
	{
		rc = set_actions(&actions, out) && set_attributes(&attr)
				 ? posix_spawn(child, program, &actions, &attr, argv, environ)
				 : ENOMEM;
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

void
lh_name_stop(LhName *name)
{
	if (name->fd >= 0)
		close(name->fd);
	name->fd = -1;
	if (name->child > 0)
	{
		kill(name->child, SIGKILL);
		while (waitpid(name->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	name->child = 0;
	if (name->state == LH_NAME_PENDING)
		name->state = LH_NAME_UNKNOWN;
}

/* "localhost" and all names below it are loopback addresses (RFC 6761), whatever name servers say. */
static bool
is_localhost(const char *host)
{
	size_t n = strlen(host), k = strlen("localhost");

	return n >= k && strcmp(host + n - k, "localhost") == 0 && (n == k || host[n - k - 1] == '.');
}

LhStatus
lh_name_begin(LhCtx *ctx, LhName *name, const char *host, const char *program, int64_t now_ms,
			  int timeout_ms)
{
	int fds[2], rc;

	if (name->host != host)
		snprintf(name->host, sizeof(name->host), "%s", host);
	name->naddresses = 0;
	name->expires_ms = now_ms + KEEP_MS;
	if (lh_address_parse(host, &name->addresses[0]))
	{
		name->naddresses = 1;
		name->state = LH_NAME_KNOWN;
		return LH_OK;
	}
	if (is_localhost(host))
	{
		(void) lh_address_parse("127.0.0.1", &name->addresses[0]);
		(void) lh_address_parse("::1", &name->addresses[1]);
		name->naddresses = 2;
		name->state = LH_NAME_KNOWN;
		return LH_OK;
	}
	if (pipe2(fds, O_CLOEXEC) != 0)
		LH_FAIL(ctx, LH_IO, "could not look up host \"%s\": %s", host, lh_errno_text(errno));
	(void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
	if (program == NULL)
		program = GETENT;
	rc = spawn(program, host, fds[1], &name->child);
	close(fds[1]);
	if (rc != 0)
	{
		close(fds[0]);
		name->child = 0;
		LH_FAIL(ctx, LH_IO, "could not look up host \"%s\": could not run %s: %s", host, program,
				lh_errno_text(rc));
	}
	name->fd = fds[0];
	name->len = 0;
	name->deadline_ms = now_ms + timeout_ms;
	name->state = LH_NAME_PENDING;
	return LH_OK;
}

/*
 * Its answer: lines of "ADDRESS  STREAM  NAME", each address several times
 */

static bool
known(const LhName *name, const LhAddress *address)
{
	for (int i = 0; i < name->naddresses; i++)
		if (memcmp(&name->addresses[i], address, sizeof(*address)) == 0)
			return true;
	return false;
}

static void
parse_output(LhName *name)
{
	char *line = name->output;

	name->output[name->len] = '\0';
	while (line != NULL && *line != '\0' && name->naddresses < LH_RESOLVE_ADDRESSES)
	{
		char *end = strchr(line, '\n');
		size_t n = strcspn(line, " \t\n");
		LhAddress address;
		char text[64];

		if (n < sizeof(text))
		{
			memcpy(text, line, n);
			text[n] = '\0';
			if (lh_address_parse(text, &address) && !known(name, &address))
				name->addresses[name->naddresses++] = address;
		}
		line = end != NULL ? end + 1 : NULL;
	}
	name->state = name->naddresses > 0 ? LH_NAME_KNOWN : LH_NAME_FAILED;
}

void
lh_name_advance(LhName *name, int64_t now_ms)
{
	while (name->state == LH_NAME_PENDING)
	{
		size_t room = sizeof(name->output) - 1 - name->len;
		ssize_t n = room > 0 ? read(name->fd, name->output + name->len, room) : 0;

		if (n > 0)
			name->len += (size_t) n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		{
			if (now_ms < name->deadline_ms)
				return;
			lh_name_stop(name);
			name->state = LH_NAME_FAILED;
		}
		else
		{
			parse_output(name);
			lh_name_stop(name);
		}
	}
}

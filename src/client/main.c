/*
 * main.c
 *		lakehouse_cdc: the command, signals, and what the core may ask of its host.
 */
#include "client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define MAX_WAIT_FDS  64
#define WAIT_SLICE_MS 500
#define STOP_MS       30000 /* for sinks to finish, after a signal */

/* ---- signals ---- */

static volatile sig_atomic_t stops;
static int stop_pipe[2] = {-1, -1};

static void
note_stop(int signal)
{
	int old = errno;

	stops++;
	/* readable from now on: the second need not be written */
	if (stops == 1 && write(stop_pipe[1], "x", 1) < 0)
		stops = 2;
	errno = old;
}

static bool
catch_signals(void)
{
	struct sigaction stop = {.sa_handler = note_stop}, ignore = {.sa_handler = SIG_IGN};

	if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	sigemptyset(&stop.sa_mask);
	return sigaction(SIGTERM, &stop, NULL) == 0 && sigaction(SIGINT, &stop, NULL) == 0 &&
		   sigaction(SIGPIPE, &ignore, NULL) == 0;
}

int
lh_client_stops(void)
{
	return stops;
}

int
lh_client_stop_fd(void)
{
	return stop_pipe[0];
}

int64_t
lh_client_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
lh_client_sleep(LhClient *client, int64_t ms)
{
	struct pollfd fd = {.fd = stop_pipe[0], .events = POLLIN};
	int64_t until = lh_client_now_ms() + ms;

	for (int64_t left; stops == 0 && (left = until - lh_client_now_ms()) > 0;)
	{
		if (client->tick != NULL)
			client->tick(client->tick_arg);
		poll(&fd, 1, left < WAIT_SLICE_MS ? (int) left : WAIT_SLICE_MS);
	}
	return stops == 0;
}

/* ---- the core's host ---- */

/* The first signal stops what waits; what makes durable may go on until the second, for a while. */
static bool
interrupted(void *arg)
{
	LhClient *client = arg;

	if (stops == 0)
		return false;
	if (client->finish_until == 0)
		client->finish_until = lh_client_now_ms() + STOP_MS;
	return !client->finishing || stops > 1 || lh_client_now_ms() > client->finish_until;
}

/* In slices, as the server wants a sign of life meanwhile. */
static int
wait_fds(void *arg, LhWaitFd *fds, int nfds, int timeout_ms)
{
	LhClient *client = arg;
	struct pollfd polled[MAX_WAIT_FDS + 1];
	int64_t until = timeout_ms < 0 ? INT64_MAX : lh_client_now_ms() + timeout_ms;
	int n = 0;

	if (nfds < 0 || nfds > MAX_WAIT_FDS)
	{
		errno = EINVAL;
		return -1;
	}
	for (int i = 0; i < nfds; i++)
		polled[i] = (struct pollfd){.fd = fds[i].fd, .events = fds[i].events};
	polled[nfds] = (struct pollfd){.fd = stop_pipe[0], .events = POLLIN};
	do
	{
		int64_t left = until - lh_client_now_ms();

		if (client->tick != NULL)
			client->tick(client->tick_arg);
		n = poll(polled, (nfds_t) (nfds + (client->finishing ? 0 : 1)),
				 left < 0               ? 0
				 : left < WAIT_SLICE_MS ? (int) left
										: WAIT_SLICE_MS);
	} while (n == 0 && !interrupted(client) && lh_client_now_ms() < until);
	for (int i = 0; i < nfds; i++)
		fds[i].revents = n > 0 ? polled[i].revents : 0;
	if (n > 0 && !client->finishing && polled[nfds].revents != 0)
		n--;
	return n < 0 && errno == EINTR ? 0 : n;
}

static const LhHost host = {.interrupted = interrupted, .wait = wait_fds};

/* ---- the command ---- */

LhStatus
lh_client_failed(LhClient *client, LhClientExit exit, bool transient, LhStatus status)
{
	if (status == LH_OK)
		return LH_OK;
	client->exit = status == LH_CANCELLED ? LH_EXIT_SIGNAL : exit;
	client->transient = transient;
	return status;
}

static LhStatus
run(LhClient *client)
{
	switch (client->config.command)
	{
		case LH_CLIENT_STREAM:
		case LH_CLIENT_SNAPSHOT:
		case LH_CLIENT_RUN: return lh_client_stream(client);
		case LH_CLIENT_STATUS: return lh_client_status(client);
		default: return lh_client_drop(client);
	}
}

int
main(int argc, char **argv)
{
	static LhClient client;
	LhStatus status;

	client.log.fd = STDERR_FILENO;
	client.ctx = lh_ctx_create();
	if (client.ctx == NULL || !catch_signals())
	{
		lh_log(&client.log, LH_LOG_ERROR, "start", "could not start: %s", lh_errno_text(errno));
		return LH_EXIT_USAGE;
	}
	client.ctx->host = &host;
	client.ctx->host_arg = &client;
	status = lh_client_config_parse(client.ctx, argc, argv, environ, &client.config);
	client.log.json = client.config.log_json;
	client.log.slot = client.config.slot;
	client.log.terminal = isatty(STDERR_FILENO);
	if (status != LH_OK)
	{
		lh_log_error(&client.log, "usage", client.ctx->error);
		return LH_EXIT_USAGE;
	}
	if (client.config.command == LH_CLIENT_HELP)
		lh_client_help(stdout, client.config.command);
	else if (client.config.command == LH_CLIENT_VERSION)
		printf("lakehouse_cdc (lakehouse) %s\n", LAKEHOUSE_VERSION);
	else
	{
		client.exit = LH_EXIT_CONNECTION;
		client.arena = client.ctx->arena;
		status = run(&client);
		if (status != LH_OK)
			lh_log_error(&client.log, "failed", client.ctx->error);
		lh_source_close(&client.side);
	}
	lh_ctx_destroy(client.ctx);
	if (fflush(stdout) != 0 && status == LH_OK)
		return LH_EXIT_SINK;
	return status == LH_OK ? LH_EXIT_DONE : (int) client.exit;
}

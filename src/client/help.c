/*
 * help.c
 *		The table of settings, and the help that is made of it.
 */
#include "client/config.h"

#include "change/change.h"
#include "sink/sink.h"

#define ALL          (STREAM | LH_CLIENT_STATUS | LH_CLIENT_DROP)
#define SNAPSHOT     (LH_CLIENT_SNAPSHOT | LH_CLIENT_RUN)
#define STREAM       (LH_CLIENT_STREAM | SNAPSHOT)
#define ENDLESS      (LH_CLIENT_STREAM | LH_CLIENT_RUN)
#define FIELD(field) offsetof(LhClientConfig, field)

const LhClientSetting lh_client_settings[] = {
	{"source", LH_CLIENT_TEXT, ALL, FIELD(source), 0, 0, "Source", "CONNINFO",
	 "database: \"host=... dbname=... user=...\" or postgresql://...\n"
	 "(passwords belong into ~/.pgpass, not on a command line)"},
	{"primary", LH_CLIENT_TEXT, STREAM | LH_CLIENT_STATUS, FIELD(primary), 0, 0, NULL, "CONNINFO",
	 "where the source is a standby: the server that it follows,\nwhich is asked to move the slot on"},
	{"slot", LH_CLIENT_TEXT, ALL, FIELD(slot), 0, 0, NULL, "NAME", "replication slot"},
	{"create", LH_CLIENT_FLAG, STREAM, FIELD(create), 0, 0, NULL, NULL,
	 "make the slot if it is not there (run and snapshot always do)"},
	{"failover", LH_CLIENT_FLAG, STREAM, FIELD(failover), 0, 0, NULL, NULL,
	 "the slot that --create makes is synchronised to standbys\n(PostgreSQL 17 and later)"},
	{"allow-gap", LH_CLIENT_FLAG, STREAM, FIELD(allow_gap), 0, 0, NULL, NULL,
	 "go on although the slot is ahead of a sink:\nwhat lies between is lost for that sink"},
	{"on-lost", LH_CLIENT_TEXT, SNAPSHOT, FIELD(on_lost), 0, 0, NULL, "fail|snapshot",
	 "when the slot is lost, or is not there although a sink has a\nposition: fail, or make it anew and take the snapshot again (fail)"},
	{"wait", LH_CLIENT_INT, STREAM, FIELD(wait_s), 0, 86400, NULL, "SECONDS",
	 "how long to wait for a slot that another client uses (60)"},
	{"publication", LH_CLIENT_ITEMS, STREAM, FIELD(publications), 0, 0, "What is streamed", "NAME",
	 "only what this publication publishes; may be repeated"},
	{"table", LH_CLIENT_ITEMS, STREAM, FIELD(tables), 0, 0, NULL, "PATTERN",
	 "only tables whose schema.table matches; may be repeated"},
	{"ddl", LH_CLIENT_FLAG, STREAM, FIELD(ddl), 0, 0, NULL, NULL,
	 "commands that define tables and types, too\n(SELECT lakehouse.cdc_ddl_enable() begins to log them)"},
	{"streaming", LH_CLIENT_FLAG, STREAM, FIELD(streaming), 0, 0, NULL, NULL,
	 "the server sends large transactions while they run; they are kept\nuntil they are committed (format json)"},
	{"two-phase", LH_CLIENT_FLAG, STREAM, FIELD(two_phase), 0, 0, NULL, NULL,
	 "and prepared ones when they are prepared; the slot has to be made\nwith this flag"},
	{"unfinished-memory", LH_CLIENT_SIZE, STREAM, FIELD(unfinished_memory), 1 << 20,
	 (int64_t) 1 << 40, NULL, "SIZE", "memory of all that is kept so (64MB),"},
	{"unfinished-size", LH_CLIENT_SIZE, STREAM, FIELD(unfinished_size), 0, (int64_t) 1 << 50, NULL,
	 "SIZE", "then files in the directory of --spool, up to so much (10GB)"},
	{"format", LH_CLIENT_TEXT, STREAM, FIELD(format), 0, 0, NULL, "NAME",
	 "format of the messages (json)"},
	{"option", LH_CLIENT_ITEMS, STREAM, FIELD(option_items), 0, 0, NULL, "NAME=VALUE",
	 "option of the stream; may be repeated;\nSELECT * FROM lakehouse.cdc_options() lists them"},
	{"once", LH_CLIENT_FLAG, ENDLESS, FIELD(once), 0, 0, NULL, NULL,
	 "stop when all that is committed now has been delivered"},
	{"until", LH_CLIENT_LSN, ENDLESS, FIELD(until), 0, 0, NULL, "LSN",
	 "stop behind the last transaction that ends there or before"},
	{"sink", LH_CLIENT_ITEMS, STREAM | LH_CLIENT_STATUS, FIELD(sink_items), 0, 0, "Sinks",
	 "[FORMAT=]URI", "where the messages go; may be repeated,\neach sink has its own position"},
	{"topic", LH_CLIENT_TEXT, STREAM, FIELD(topic), 0, 0, NULL, "TEMPLATE",
	 "topic of a table's messages, of {slot}, {schema} and {table}\n({slot}.{schema}.{table})"},
	{"message-topic", LH_CLIENT_TEXT, STREAM, FIELD(message_topic), 0, 0, NULL, "TEMPLATE",
	 "topic of messages of no table ({slot}.messages)"},
	{"topic-rename", LH_CLIENT_ITEMS, STREAM, FIELD(rename_items), 0, 0, NULL, "REGEX=NAME",
	 "another name for topics that match as a whole, \\1 being a group;\nmay be repeated, the first that matches counts"},
	{"flush-bytes", LH_CLIENT_SIZE, STREAM, FIELD(flush_bytes), 1, (int64_t) 1 << 34, NULL, "SIZE",
	 "sinks make durable what they have after so many bytes (8MB),"},
	{"flush-ms", LH_CLIENT_INT, STREAM, FIELD(flush_ms), 0, 3600000, NULL, "N",
	 "or so many milliseconds after a commit (100)"},
	{"queue-memory", LH_CLIENT_SIZE, STREAM, FIELD(queue_memory), 1 << 16, (int64_t) 1 << 40, NULL,
	 "SIZE", "of several sinks: what may wait for each in memory (16MB),"},
	{"spool", LH_CLIENT_TEXT, STREAM, FIELD(spool), 0, 0, NULL, "DIR",
	 "then in a file in this directory, or off ($TMPDIR, /var/tmp)"},
	{"spool-size", LH_CLIENT_SIZE, STREAM, FIELD(spool_size), 0, (int64_t) 1 << 44, NULL, "SIZE",
	 "of that file (1GB); 0: off"},
	{"dead-letter", LH_CLIENT_TEXT, STREAM, FIELD(dead_letter), 0, 0, NULL, "URI",
	 "sink of messages that a sink can never take, as JSON"},
	{"dead-letter-after", LH_CLIENT_INT, STREAM, FIELD(dead_after), 0, 1000, NULL, "N",
	 "how often such a message is tried before (3); 0: off"},
	{"jobs", LH_CLIENT_INT, SNAPSHOT, FIELD(jobs), 1, LH_CLIENT_MAX_JOBS, "Snapshot", "N",
	 "connections that read tables at a time (4)"},
	{"chunk-blocks", LH_CLIENT_INT, SNAPSHOT, FIELD(chunk_blocks), 1, INT32_MAX, NULL, "N",
	 "blocks of a table that are read at a time (1024)"},
	{"chunk-memory", LH_CLIENT_SIZE, STREAM, FIELD(chunk_memory), 1 << 16, (int64_t) 1 << 34, NULL,
	 "SIZE", "what each connection may read ahead of its turn (32MB)"},
	{"batch-bytes", LH_CLIENT_SIZE, STREAM, FIELD(batch_bytes), 0, 1 << 28, "Transport", "SIZE",
	 "bytes that the server gathers before it sends (128kB)"},
	{"zstd", LH_CLIENT_FLAG, STREAM, FIELD(zstd), 0, 0, NULL, NULL, "the server compresses"},
	{"hold", LH_CLIENT_FLAG, STREAM, FIELD(hold), 0, 0, NULL, NULL,
	 "small transactions travel together while the server has more\nof them at hand; --hold=off: each by itself (on)"},
	{"max-message", LH_CLIENT_SIZE, STREAM, FIELD(max_message), 1 << 20, (int64_t) 1 << 40, NULL,
	 "SIZE", "memory that one change may take (1GB)"},
	{"status-interval", LH_CLIENT_INT, ENDLESS, FIELD(status_s), 1, 3600, NULL, "SECONDS",
	 "how often the server is told the position (10)"},
	{"heartbeat", LH_CLIENT_INT, ENDLESS, FIELD(heartbeat_s), 0, 86400, NULL, "SECONDS",
	 "move the slot on when nothing came for so long although the\nlog grows (lakehouse.cdc_heartbeat()); 0: never (60)"},
	{"heartbeat-bytes", LH_CLIENT_SIZE, ENDLESS, FIELD(heartbeat_bytes), 0, (int64_t) 1 << 40, NULL,
	 "SIZE", "and whenever the log grew by so much; 0: never (16MB)"},
	{"config", LH_CLIENT_TEXT, ALL, FIELD(config_file), 0, 0, "General", "FILE",
	 "read settings from lines \"name = value\""},
	{"log", LH_CLIENT_LOG, ALL, FIELD(log_json), 0, 0, NULL, "text|json",
	 "how messages on stderr, and the status, look (text)"},
	{"metrics", LH_CLIENT_INT, STREAM, FIELD(metrics_port), 0, 65535, NULL, "PORT",
	 "serve Prometheus http://127.0.0.1:PORT/metrics"},
	{"yes", LH_CLIENT_FLAG, LH_CLIENT_DROP, FIELD(yes), 0, 0, NULL, NULL,
	 "drop a slot that is in use: its client is disconnected"},
};

const int lh_client_nsettings = sizeof(lh_client_settings) / sizeof(lh_client_settings[0]);

static void
print_setting(FILE *out, const LhClientSetting *s)
{
	char left[64];
	const char *line = s->summary;

	snprintf(left, sizeof(left), "  --%s%s%s", s->name, s->argument != NULL ? " " : "",
			 s->argument != NULL ? s->argument : "");
	for (;;)
	{
		size_t n = strcspn(line, "\n");

		fprintf(out, "%-28s %.*s\n", left, (int) n, line);
		if (line[n] == '\0')
			return;
		line += n + 1;
		left[0] = '\0';
	}
}

void
lh_client_help(FILE *out, LhClientCommand command)
{
	fputs(
		"lakehouse_cdc streams the changes of a PostgreSQL database to files, brokers and pipes.\n\n"
		"Usage:\n"
		"  lakehouse_cdc run --source CONNINFO --slot NAME --sink URI [OPTION]...\n"
		"  lakehouse_cdc snapshot --source CONNINFO --slot NAME --sink URI [OPTION]...\n"
		"  lakehouse_cdc stream --source CONNINFO --slot NAME --sink URI [--create] [OPTION]...\n"
		"  lakehouse_cdc status --source CONNINFO [--slot NAME [--sink URI]...]\n"
		"  lakehouse_cdc drop --source CONNINFO --slot NAME [--yes]\n"
		"\nrun makes the slot, delivers what is in the tables at that moment, then streams; at later\n"
		"starts it goes on.  snapshot stops before the stream, stream does without a snapshot.\n",
		out);
	for (int i = 0; i < lh_client_nsettings; i++)
	{
		const LhClientSetting *s = &lh_client_settings[i];

		if (s->group != NULL)
			fprintf(out, "\n%s:\n", s->group);
		print_setting(out, s);
	}
	fputs(
		"  -V, --version              show the version, then exit\n"
		"  -?, --help                 show this help, then exit\n"
		"\nShort forms: -d source, -S slot, -s sink, -F format, -o option.\n"
		"Each setting can also be an environment variable (--flush-ms: LAKEHOUSE_CDC_FLUSH_MS) or\n"
		"a line of the file; flags win over the environment, that over the file.\n"
		"\nSinks:\n",
		out);
	for (int i = 0; lh_sinks[i] != NULL; i++)
		fprintf(out, "  %-26s %s\n", lh_sinks[i]->scheme, lh_sinks[i]->summary);
	fputs(
		"  URI?registry=URL           of formats with schemas (Avro, Protobuf): keys and values begin with the\n"
		"                             id that a schema registry gives (docs/cdc-registry.md)\n",
		out);
	fputs("\nFormats:\n", out);
	for (int i = 0; lh_change_formats[i] != NULL; i++)
		fprintf(out, "  %-26s %s\n", lh_change_formats[i]->name, lh_change_formats[i]->summary);
	fputs(
		"\nExit codes:\n"
		"  0  done, or stopped by a signal with all delivered and confirmed\n"
		"  1  usage        2  connection or server        3  slot, or a gap before a sink\n"
		"  4  sink         5  the server refuses the plugin        130  stopped by a signal before that\n"
		"\nExample:\n"
		"  lakehouse_cdc run --source dbname=shop --slot shop --sink file:/data/shop\n",
		out);
}

# broker.sh: one Kafka broker (KRaft) on 127.0.0.1, to be sourced; needs Java 17 and Maven.
#
#	need_broker_jars POM		into $libs, unless they are there; KAFKA_LIBS names another directory
#	start_broker DIR			sets $broker (its pid) and $bootstrap (host:port)
#	stop_broker
#
# give_up TEXT is the caller's.
libs=${KAFKA_LIBS:-$top/build/kafka/libs}
broker=

need_broker_jars()
{
	ls "$libs"/kafka_2.13-*.jar > /dev/null 2>&1 ||
		mvn -q -B -f "$1" dependency:copy-dependencies -DoutputDirectory="$libs" > /dev/null ||
		give_up "Maven cannot fetch the broker"
}

start_broker()
{
	local dir=$1 port control id i
	local java=(java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*")

	read -r port control < <(python3 - <<-'EOF'
		import socket
		s = [socket.socket() for _ in range(2)]
		for x in s: x.bind(("127.0.0.1", 0))
		print(*[x.getsockname()[1] for x in s])
		EOF
	)
	cat > "$dir/server.properties" <<-EOF
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$control
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$control
		advertised.listeners=PLAINTEXT://127.0.0.1:$port
		controller.listener.names=CONTROLLER
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
		log.dirs=$dir/logs
		num.partitions=1
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=1
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=1
		group.initial.rebalance.delay.ms=0
		auto.create.topics.enable=true
	EOF
	# in base64 for URLs; one that began with a hyphen would be taken for an option
	id=$(head -c 16 /dev/urandom | base64 | tr '+/' '__' | tr -d '=')
	"${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" > "$dir/format.log" 2>&1 ||
		give_up "$(tail -n 3 "$dir/format.log")"
	"${java[@]}" kafka.Kafka "$dir/server.properties" > "$dir/broker.log" 2>&1 < /dev/null &
	broker=$!
	for ((i = 0; ; i++)); do
		(: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break
		kill -0 $broker 2> /dev/null || give_up "$(tail -n 5 "$dir/broker.log")"
		[ $i -lt 480 ] || give_up "the broker does not listen after two minutes"
		sleep 0.25
	done
	bootstrap=127.0.0.1:$port
}

stop_broker()
{
	[ -z "$broker" ] || { kill "$broker"; wait "$broker"; } 2> /dev/null
	broker=
}

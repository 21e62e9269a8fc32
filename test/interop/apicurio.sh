# apicurio.sh: a schema registry of others with Confluent's API on 127.0.0.1, to be sourced; needs Java 17 and Maven.
#
#	need_registry			into $apicurio, unless it is there; APICURIO names another directory
#	start_registry DIR		sets $registry (its pid) and $registry_url; in memory
#	stop_registry
#
# give_up TEXT is the caller's.
apicurio=${APICURIO:-$top/build/apicurio}
registry=

need_registry()
{
	ls "$apicurio"/*-runner.jar > /dev/null 2>&1 && return
	mkdir -p "$apicurio"
	mvn -q -B dependency:copy -Dartifact=io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all \
		-DoutputDirectory="$apicurio" > /dev/null || give_up "Maven cannot fetch the registry"
	tar -xzf "$apicurio"/apicurio-registry-app-3.0.9-all.tar.gz -C "$apicurio" || give_up "the registry cannot be unpacked"
}

start_registry()
{
	local dir=$1 port i

	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	(cd "$dir" && exec java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
		-Dquarkus.log.level=WARN -Dquarkus.management.enabled=false -jar "$apicurio"/apicurio-registry-app-*-runner.jar) \
		> "$dir/registry.log" 2>&1 < /dev/null &
	registry=$!
	registry_url=http://127.0.0.1:$port/apis/ccompat/v7
	for ((i = 0; ; i++)); do
		curl -fsS -o /dev/null "$registry_url/subjects" 2> /dev/null && break
		kill -0 $registry 2> /dev/null || give_up "$(tail -n 5 "$dir/registry.log")"
		[ $i -lt 480 ] || give_up "the registry does not listen after two minutes"
		sleep 0.25
	done
}

stop_registry()
{
	[ -z "$registry" ] || { kill "$registry"; wait "$registry"; } 2> /dev/null
	registry=
}

# tally.awk: count the tests in the logs of all kinds of runners and print the
# closing line.  Exit 1 when something failed or nothing ran.
#
#	awk -v name=check -f tally.awk LOG...
#
# Understood are cmocka's default output (stdout before stderr, program by
# program), pg_regress before and after its change to TAP in version 16, TAP of
# prove -v, and two lines of our own: "RUNNER-FAILED why" from a runner that
# died without naming a failed test, and "RUNNER-SKIPPED why".  Plain awk (mawk).

FNR == 1                           { list = 0 }

# cmocka repeats its failures in a list at the end
/listed below/                     { list = 1; next }
/^\[==========\]/                  { list = 0 }
/^\[ +OK +\]/                      { passed++ }
/^\[  FAILED  \]/ && !list         { fail($0) }
/^\[  ERROR   \] [^-]/ && !list   { fail($0) }
/^\[  SKIPPED \]/ && !list         { skip($0) }

# pg_regress up to 15
/^(test)? +[^ ]+ +\.\.\. ok /      { passed++ }
/^(test)? +[^ ]+ +\.\.\. FAILED/   { fail($0) }
/^(test)? +[^ ]+ +\.\.\. failed /  { fail($0) }

# TAP, and pg_regress from 16 on
/^ok [0-9]+/                       { if (tolower($0) ~ /# skip/) skip($0); else passed++ }
/^not ok [0-9]+/                   { if (tolower($0) ~ /# skip/) skip($0); else fail($0) }
/^1\.\.0 # SKIP/                   { skip($0) }

/^RUNNER-FAILED/                   { fail($0) }
/^RUNNER-SKIPPED/                  { skip($0) }

function fail(line)
{
	failed++
	bad = bad "\n  " line
}

function skip(line)
{
	skipped++
	why = why "\n  " line
}

END {
	if (why)
		print "skipped:" why
	if (bad)
		print "failed:" bad
	if (!passed && !failed)
		print name ": nothing ran"
	printf "%s%d passed, %d failed, %d skipped\n", name ? name ": " : "", passed, failed, skipped
	exit(failed > 0 || !passed)
}

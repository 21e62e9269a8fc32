-- Token domains, and functions and masks under their keys (docs/tokenization.md).

CREATE FUNCTION lakehouse.domain_create(name text, kind text, key text, options jsonb DEFAULT '{}') RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_domain_create'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.domain_create(text, text, text, jsonb) IS
	'Make a token domain: kind text, digits, numeric, bigint, uuid, date, email or card, under a data key';

CREATE FUNCTION lakehouse.domain_drop(name text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_domain_drop'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.domain_drop(text) IS
	'Drop a token domain: nobody can tokenize, detokenize or mask with it any more';

CREATE FUNCTION lakehouse.domain_rotate(name text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_domain_rotate'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.domain_rotate(text) IS
	'Make tokens with the newest version of the domain''s key from now on; old ones end; the version';

CREATE FUNCTION lakehouse.domain_grant(domain text, "right" text, role text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_domain_grant'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.domain_grant(text, text, text) IS
	'Give a role ("public": everybody) a right in a token domain: tokenize, detokenize, encrypt, decrypt, index, search';

CREATE FUNCTION lakehouse.domain_revoke(domain text, "right" text, role text) RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_domain_revoke'
	LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.domain_revoke(text, text, text) IS
	'Take a right in a token domain back';

CREATE FUNCTION lakehouse.domain_limit(domain text, "right" text, "values" bigint, per interval DEFAULT '1 minute') RETURNS void
	AS 'MODULE_PATHNAME', 'lakehouse_domain_limit'
	LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION lakehouse.domain_limit(text, text, bigint, interval) IS
	'How many values a role may turn by a right of a token domain in a while; null: any number';

CREATE FUNCTION lakehouse.domain_limit_status(OUT domain text, OUT "right" text, OUT role text, OUT spent bigint,
	OUT since timestamptz) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_domain_limit_status'
	LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION lakehouse.domain_limit_status() IS
	'What roles have spent of limits of token domains, on this server';

CREATE FUNCTION lakehouse.domain_list(OUT name text, OUT kind text, OUT key text, OUT version integer, OUT legacy boolean,
	OUT options jsonb, OUT rights jsonb, OUT limits jsonb) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'lakehouse_domain_list'
	LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 20;
COMMENT ON FUNCTION lakehouse.domain_list() IS
	'Token domains, their keys and versions, options, who has which right, and limits: values and seconds';

REVOKE ALL ON FUNCTION
	lakehouse.domain_create(text, text, text, jsonb),
	lakehouse.domain_drop(text),
	lakehouse.domain_rotate(text),
	lakehouse.domain_grant(text, text, text),
	lakehouse.domain_revoke(text, text, text),
	lakehouse.domain_limit(text, text, bigint, interval),
	lakehouse.domain_limit_status(),
	lakehouse.domain_list()
	FROM PUBLIC;

-- Everybody may call these; the domain's rights decide.

CREATE FUNCTION lakehouse.tokenize(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(text, text) IS
	'A value''s token in a domain; takes the right "tokenize" there';

CREATE FUNCTION lakehouse.detokenize(token text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(text, text) IS
	'The value that a token of a domain stands for; takes the right "detokenize" there';

CREATE FUNCTION lakehouse.tokenize(value numeric, domain text) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_numeric'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(numeric, text) IS
	'A value''s token in a domain; takes the right "tokenize" there';

CREATE FUNCTION lakehouse.detokenize(token numeric, domain text) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_numeric'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(numeric, text) IS
	'The value that a token of a domain stands for; takes the right "detokenize" there';

CREATE FUNCTION lakehouse.tokenize(value bigint, domain text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_bigint'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(bigint, text) IS
	'A value''s token in a domain; takes the right "tokenize" there';

CREATE FUNCTION lakehouse.detokenize(token bigint, domain text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_bigint'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(bigint, text) IS
	'The value that a token of a domain stands for; takes the right "detokenize" there';

CREATE FUNCTION lakehouse.tokenize(value integer, domain text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_integer'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(integer, text) IS
	'A value''s token in a domain; takes the right "tokenize" there';

CREATE FUNCTION lakehouse.detokenize(token integer, domain text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_integer'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(integer, text) IS
	'The value that a token of a domain stands for; takes the right "detokenize" there';

CREATE FUNCTION lakehouse.tokenize(value uuid, domain text) RETURNS uuid
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_uuid'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(uuid, text) IS
	'A value''s token in a domain; takes the right "tokenize" there';

CREATE FUNCTION lakehouse.detokenize(token uuid, domain text) RETURNS uuid
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_uuid'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(uuid, text) IS
	'The value that a token of a domain stands for; takes the right "detokenize" there';

CREATE FUNCTION lakehouse.tokenize(value date, domain text) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_date'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(date, text) IS
	'A value''s token in a domain; takes the right "tokenize" there';

CREATE FUNCTION lakehouse.detokenize(token date, domain text) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_date'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(date, text) IS
	'The value that a token of a domain stands for; takes the right "detokenize" there';

CREATE FUNCTION lakehouse.tokenize(value text[], domain text) RETURNS text[]
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_text_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(text[], text) IS
	'Values'' tokens in a domain, all in one call';

CREATE FUNCTION lakehouse.detokenize(tokens text[], domain text) RETURNS text[]
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_text_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(text[], text) IS
	'The values that tokens of a domain stand for, all in one call';

CREATE FUNCTION lakehouse.tokenize(value bigint[], domain text) RETURNS bigint[]
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_bigint_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(bigint[], text) IS
	'Values'' tokens in a domain, all in one call';

CREATE FUNCTION lakehouse.detokenize(tokens bigint[], domain text) RETURNS bigint[]
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_bigint_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(bigint[], text) IS
	'The values that tokens of a domain stand for, all in one call';

CREATE FUNCTION lakehouse.tokenize(value uuid[], domain text) RETURNS uuid[]
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_uuid_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(uuid[], text) IS
	'Values'' tokens in a domain, all in one call';

CREATE FUNCTION lakehouse.detokenize(tokens uuid[], domain text) RETURNS uuid[]
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_uuid_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(uuid[], text) IS
	'The values that tokens of a domain stand for, all in one call';

CREATE FUNCTION lakehouse.tokenize(value date[], domain text) RETURNS date[]
	AS 'MODULE_PATHNAME', 'lakehouse_tokenize_date_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.tokenize(date[], text) IS
	'Values'' tokens in a domain, all in one call';

CREATE FUNCTION lakehouse.detokenize(tokens date[], domain text) RETURNS date[]
	AS 'MODULE_PATHNAME', 'lakehouse_detokenize_date_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.detokenize(date[], text) IS
	'The values that tokens of a domain stand for, all in one call';

-- Keyed masks.  Who calls one of these names gets NULL: the planner hook puts its twin in its place.

CREATE FUNCTION lakehouse.mask_fpe(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe(text, text) IS
	'Another value of the same form in place of the value, one for one; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fpe(value numeric, domain text) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe(numeric, text) IS
	'Another value of the same form in place of the value, one for one; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fpe(value bigint, domain text) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe(bigint, text) IS
	'Another value of the same form in place of the value, one for one; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fpe(value integer, domain text) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe(integer, text) IS
	'Another value of the same form in place of the value, one for one; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fpe(value uuid, domain text) RETURNS uuid
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe(uuid, text) IS
	'Another value of the same form in place of the value, one for one; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fpe(value date, domain text) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe(date, text) IS
	'Another value of the same form in place of the value, one for one; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_hash(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_hash(text, text) IS
	'A hash under the domains key in place of the value; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_date_shift(value date, subject text, domain text) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_shift(date, text, text) IS
	'The date moved by some days, as many for all dates of one subject; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_date_shift(value timestamp, subject text, domain text) RETURNS timestamp
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_shift(timestamp, text, text) IS
	'The date moved by some days, as many for all dates of one subject; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_date_shift(value timestamptz, subject text, domain text) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_shift(timestamptz, text, text) IS
	'The date moved by some days, as many for all dates of one subject; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_noise(value numeric, domain text, ratio double precision) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise(numeric, text, double precision) IS
	'The number moved by at most that share of it, always by the same; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_noise(value bigint, domain text, ratio double precision) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise(bigint, text, double precision) IS
	'The number moved by at most that share of it, always by the same; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_noise(value integer, domain text, ratio double precision) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise(integer, text, double precision) IS
	'The number moved by at most that share of it, always by the same; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_noise(value smallint, domain text, ratio double precision) RETURNS smallint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise(smallint, text, double precision) IS
	'The number moved by at most that share of it, always by the same; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_noise(value real, domain text, ratio double precision) RETURNS real
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise(real, text, double precision) IS
	'The number moved by at most that share of it, always by the same; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_noise(value double precision, domain text, ratio double precision) RETURNS double precision
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise(double precision, text, double precision) IS
	'The number moved by at most that share of it, always by the same; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_first_name(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_first_name(text, text) IS
	'A first name in place of the value, the same each time; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_last_name(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_last_name(text, text) IS
	'A last name in place of the value, the same each time; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_name(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_name(text, text) IS
	'A first and last name in place of the value, the same each time; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_city(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_city(text, text) IS
	'An invented place in place of the value, the same each time; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_company(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_company(text, text) IS
	'An invented company in place of the value, the same each time; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_street(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_street(text, text) IS
	'An invented street and number in place of the value, the same each time; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_email(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_email(text, text) IS
	'An address in example.com in place of the value, the same each time; NULL but in a policy';

CREATE FUNCTION lakehouse.mask_fake_phone(value text, domain text) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_name'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_phone(text, text) IS
	'A telephone number that nobody has in place of the value, the same each time; NULL but in a policy';

-- Their twins.  SQL has no value of type internal, and so cannot call them.
CREATE FUNCTION lakehouse.mask_gate(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'lakehouse_mask_gate'
	LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_gate(internal) IS
	'Lets masks that need a key run, in plans alone';

CREATE FUNCTION lakehouse.mask_fpe_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fpe_text_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe_run(text, text, internal) IS
	'What lakehouse.mask_fpe is in a plan';

CREATE FUNCTION lakehouse.mask_fpe_run(value numeric, domain text, gate internal) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fpe_numeric_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe_run(numeric, text, internal) IS
	'What lakehouse.mask_fpe is in a plan';

CREATE FUNCTION lakehouse.mask_fpe_run(value bigint, domain text, gate internal) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fpe_bigint_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe_run(bigint, text, internal) IS
	'What lakehouse.mask_fpe is in a plan';

CREATE FUNCTION lakehouse.mask_fpe_run(value integer, domain text, gate internal) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fpe_integer_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe_run(integer, text, internal) IS
	'What lakehouse.mask_fpe is in a plan';

CREATE FUNCTION lakehouse.mask_fpe_run(value uuid, domain text, gate internal) RETURNS uuid
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fpe_uuid_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe_run(uuid, text, internal) IS
	'What lakehouse.mask_fpe is in a plan';

CREATE FUNCTION lakehouse.mask_fpe_run(value date, domain text, gate internal) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fpe_date_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fpe_run(date, text, internal) IS
	'What lakehouse.mask_fpe is in a plan';

-- ---- from a token to its value, in plans alone

CREATE FUNCTION lakehouse.mask_invert(token text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_text'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(text, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is the token; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(tokens text[], domain text, gate internal) RETURNS text[]
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_text_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(text[], text, internal) IS
	'Key of an index scan for rows whose mask_fpe is one of the tokens; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(token bigint, domain text, gate internal) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_bigint'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(bigint, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is the token; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(tokens bigint[], domain text, gate internal) RETURNS bigint[]
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_bigint_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(bigint[], text, internal) IS
	'Key of an index scan for rows whose mask_fpe is one of the tokens; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(token integer, domain text, gate internal) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_integer'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(integer, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is the token; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(tokens integer[], domain text, gate internal) RETURNS integer[]
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_integer_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(integer[], text, internal) IS
	'Key of an index scan for rows whose mask_fpe is one of the tokens; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(token uuid, domain text, gate internal) RETURNS uuid
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_uuid'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(uuid, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is the token; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(tokens uuid[], domain text, gate internal) RETURNS uuid[]
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_uuid_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(uuid[], text, internal) IS
	'Key of an index scan for rows whose mask_fpe is one of the tokens; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(token date, domain text, gate internal) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_date'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(date, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is the token; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(tokens date[], domain text, gate internal) RETURNS date[]
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_date_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(date[], text, internal) IS
	'Key of an index scan for rows whose mask_fpe is one of the tokens; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(token numeric, scale integer, domain text, gate internal) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_numeric'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(numeric, integer, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is the token; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(tokens numeric[], scale integer, domain text, gate internal) RETURNS numeric[]
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_numeric_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(numeric[], integer, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is one of the tokens; in plans alone';

CREATE FUNCTION lakehouse.mask_invert(tokens character[], length integer, domain text, gate internal) RETURNS character[]
	AS 'MODULE_PATHNAME', 'lakehouse_mask_invert_character_array'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_invert(character[], integer, text, internal) IS
	'Key of an index scan for rows whose mask_fpe is one of the tokens; in plans alone';

CREATE FUNCTION lakehouse.mask_hash_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_hash_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_hash_run(text, text, internal) IS
	'What lakehouse.mask_hash is in a plan';

CREATE FUNCTION lakehouse.mask_date_shift_run(value date, subject text, domain text, gate internal) RETURNS date
	AS 'MODULE_PATHNAME', 'lakehouse_mask_date_shift_date_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_shift_run(date, text, text, internal) IS
	'What lakehouse.mask_date_shift is in a plan';

CREATE FUNCTION lakehouse.mask_date_shift_run(value timestamp, subject text, domain text, gate internal) RETURNS timestamp
	AS 'MODULE_PATHNAME', 'lakehouse_mask_date_shift_timestamp_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_shift_run(timestamp, text, text, internal) IS
	'What lakehouse.mask_date_shift is in a plan';

CREATE FUNCTION lakehouse.mask_date_shift_run(value timestamptz, subject text, domain text, gate internal) RETURNS timestamptz
	AS 'MODULE_PATHNAME', 'lakehouse_mask_date_shift_timestamp_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_date_shift_run(timestamptz, text, text, internal) IS
	'What lakehouse.mask_date_shift is in a plan';

CREATE FUNCTION lakehouse.mask_noise_run(value numeric, domain text, ratio double precision, gate internal) RETURNS numeric
	AS 'MODULE_PATHNAME', 'lakehouse_mask_noise_numeric_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise_run(numeric, text, double precision, internal) IS
	'What lakehouse.mask_noise is in a plan';

CREATE FUNCTION lakehouse.mask_noise_run(value bigint, domain text, ratio double precision, gate internal) RETURNS bigint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_noise_bigint_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise_run(bigint, text, double precision, internal) IS
	'What lakehouse.mask_noise is in a plan';

CREATE FUNCTION lakehouse.mask_noise_run(value integer, domain text, ratio double precision, gate internal) RETURNS integer
	AS 'MODULE_PATHNAME', 'lakehouse_mask_noise_integer_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise_run(integer, text, double precision, internal) IS
	'What lakehouse.mask_noise is in a plan';

CREATE FUNCTION lakehouse.mask_noise_run(value smallint, domain text, ratio double precision, gate internal) RETURNS smallint
	AS 'MODULE_PATHNAME', 'lakehouse_mask_noise_smallint_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise_run(smallint, text, double precision, internal) IS
	'What lakehouse.mask_noise is in a plan';

CREATE FUNCTION lakehouse.mask_noise_run(value real, domain text, ratio double precision, gate internal) RETURNS real
	AS 'MODULE_PATHNAME', 'lakehouse_mask_noise_real_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise_run(real, text, double precision, internal) IS
	'What lakehouse.mask_noise is in a plan';

CREATE FUNCTION lakehouse.mask_noise_run(value double precision, domain text, ratio double precision, gate internal) RETURNS double precision
	AS 'MODULE_PATHNAME', 'lakehouse_mask_noise_float8_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_noise_run(double precision, text, double precision, internal) IS
	'What lakehouse.mask_noise is in a plan';

CREATE FUNCTION lakehouse.mask_fake_first_name_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_first_name_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_first_name_run(text, text, internal) IS
	'What lakehouse.mask_fake_first_name is in a plan';

CREATE FUNCTION lakehouse.mask_fake_last_name_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_last_name_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_last_name_run(text, text, internal) IS
	'What lakehouse.mask_fake_last_name is in a plan';

CREATE FUNCTION lakehouse.mask_fake_name_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_name_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_name_run(text, text, internal) IS
	'What lakehouse.mask_fake_name is in a plan';

CREATE FUNCTION lakehouse.mask_fake_city_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_city_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_city_run(text, text, internal) IS
	'What lakehouse.mask_fake_city is in a plan';

CREATE FUNCTION lakehouse.mask_fake_company_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_company_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_company_run(text, text, internal) IS
	'What lakehouse.mask_fake_company is in a plan';

CREATE FUNCTION lakehouse.mask_fake_street_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_street_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_street_run(text, text, internal) IS
	'What lakehouse.mask_fake_street is in a plan';

CREATE FUNCTION lakehouse.mask_fake_email_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_email_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_email_run(text, text, internal) IS
	'What lakehouse.mask_fake_email is in a plan';

CREATE FUNCTION lakehouse.mask_fake_phone_run(value text, domain text, gate internal) RETURNS text
	AS 'MODULE_PATHNAME', 'lakehouse_mask_fake_phone_run'
	LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION lakehouse.mask_fake_phone_run(text, text, internal) IS
	'What lakehouse.mask_fake_phone is in a plan';

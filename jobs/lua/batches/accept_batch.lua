-- accept_batch: record a new batch, which is to be validated; a repeat finds it.
--
-- ARGV[3]  ref             ARGV[6]  how long it may take, ms
-- ARGV[4]  endpoint        ARGV[7]  id of the API key
-- ARGV[5]  input file      ARGV[8]  its metadata, JSON
-- ARGV[9]  how long its output is kept once it has ended, ms, or '' for ever
-- ARGV[10] its trace, or ''
--
-- Returns 1, 0 for a repeat, or -1 if its input is no file, or none any more. From then on the bytes of its input are
-- kept until it has ended.

local batch = {ref = ARGV[3]}
local tenant, id = split(batch.ref)
if redis.call('EXISTS', tenant_key(batch.ref, 'batch')) == 1 then return 0 end
local input = read_file(tenant .. '/' .. ARGV[5])
if not is_found(input) or input.newer then return -1 end
redis.call('SADD', tenant_key(input.ref, 'uses'), id)
write_batch(batch, 'schema', USUAL_SCHEMA, 'status', 'validating', 'endpoint', ARGV[4], 'input', ARGV[5],
  'window', ARGV[6], 'key', ARGV[7], 'metadata', ARGV[8], 'created', NOW, 'expires_at', NOW + tonumber(ARGV[6]),
  'fence', 0, 'position', 0)
if ARGV[9] ~= '' then write_batch(batch, 'output_kept', ARGV[9]) end
if ARGV[10] ~= '' then write_batch(batch, 'trace', ARGV[10]) end
redis.call('ZADD', owned_key(tenant, 'batches'), NOW, id)
look_at_batch(batch.ref, NOW)
return 1

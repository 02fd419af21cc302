-- note_batch: say what a batch waits for.
--
-- ARGV[3]  ref    ARGV[4]  token    ARGV[5]  words, or '' for nothing
--
-- Returns 1, or 0 if the token no longer holds.

local batch = read_batch(ARGV[3])
if not holds_batch(batch, tonumber(ARGV[4])) then return 0 end
if ARGV[5] == '' then
  redis.call('HDEL', tenant_key(batch.ref, 'batch'), 'waiting_for')
else
  write_batch(batch, 'waiting_for', ARGV[5])
end
wake_batch(batch)
return 1

-- end_batch: a batch has ended; its event is told, and its output can be found.
--
-- ARGV[3]  ref     ARGV[5]  status: completed, failed, expired or cancelled    ARGV[7]  id of the file of its output
-- ARGV[4]  token   ARGV[6]  what is wrong with it, JSON or ''                  ARGV[8]  id of that of its errors
-- ARGV[9] '1' if lines that are not told are left so; those that run must have ended
--
-- Returns 1, also for a repeat, 0 if the token no longer holds or it may not end so, or how many lines are not told
-- yet, as a negative number.

local batch, token, to = read_batch(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if batch and not batch.newer and batch.fence == token and batch.status == to then return 1 end
if not holds_batch(batch, token) or not may_become(batch, to) then return 0 end
local tenant, id = split(batch.ref)
if ARGV[9] == '1' and open_lines(batch) == 0 then
  redis.call('DEL', ended_key(tenant, id), owned_key(tenant, 'b:' .. id .. ':passed'))
else
  local left = lines_left(batch, to)
  if left > 0 then return -left end
end
if ARGV[6] ~= '' then write_batch(batch, 'errors', ARGV[6]) end
for i, name in ipairs({'output', 'error'}) do
  local file = ARGV[6 + i]
  local bytes = batch['bytes:' .. file]
  if bytes then
    record_file(tenant .. '/' .. file, id .. '_' .. name .. '.jsonl', 'batch_output', bytes, batch.output_kept or '')
    write_batch(batch, name .. '_file', file)
  end
end
end_as(batch, to)
return 1

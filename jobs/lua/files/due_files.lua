-- due_files: the files whose bytes are to be deleted: removed, expired, or expected and never recorded; of
-- one that a batch still reads they are put off.
--
-- ARGV[3]  most                                 ARGV[4]  for how long others leave them alone, ms
--
-- Returns a list for each: ref, then its parts as `bytes name`.

local found = {}
for _, ref in ipairs(redis.call('ZRANGE', FILES_DUE, '-inf', NOW, 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  local file = read_file(ref)
  if not (file and file.newer) then
    if file then end_file(file) end
    if not is_in_use(ref) then
      found[#found + 1] = {ref, unpack(redis.call('LRANGE', tenant_key(ref, 'parts'), 0, MOST_PARTS - 1))}
    end
  end
  redis.call('ZADD', FILES_DUE, NOW + tonumber(ARGV[4]), ref)
end
return found

-- rotate_secret: sign with a new secret, and for a while with the old ones too.
--
-- ARGV[3]  tenant                                 ARGV[6]  its hint
-- ARGV[4]  endpoint's id, or 'default'            ARGV[7]  how long the old one stays good, ms
-- ARGV[5]  the new one, sealed                    ARGV[8]  most live secrets
-- ARGV[9]  1 to make the first one alone
--
-- A repeat finds the new one and changes nothing.
--
-- Returns {'ok', hint, created, live}, {'missing'} or {'full'}.

local key = PREFIX .. 't:' .. ARGV[3] .. ':secrets:' .. ARGV[4]
if ARGV[4] ~= 'default' and redis.call('EXISTS', endpoint_key(ARGV[3], ARGV[4])) == 0 then return {'missing'} end
local kept = {}
for _, secret in ipairs(cjson.decode(redis.call('GET', key) or '[]')) do
  if not secret['until'] or secret['until'] > NOW then kept[#kept + 1] = secret end
end
local newest = kept[1]
if not newest or (ARGV[9] ~= '1' and newest.sealed ~= ARGV[5]) then
  if newest then newest['until'] = NOW + tonumber(ARGV[7]) end
  if ARGV[7] == '0' then kept = {} end
  if #kept >= tonumber(ARGV[8]) then return {'full'} end
  newest = {sealed = ARGV[5], hint = ARGV[6], created = NOW}
  table.insert(kept, 1, newest)
  redis.call('SET', key, cjson.encode(kept))
  if ARGV[4] ~= 'default' then redis.call('HSET', endpoint_key(ARGV[3], ARGV[4]), 'updated', NOW) end
end
return {'ok', newest.hint, newest.created, #kept}

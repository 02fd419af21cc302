-- add_file: record a file that was expected, and whose bytes are stored.
--
-- ARGV[3]  ref                                  ARGV[6]  its bytes
-- ARGV[4]  filename                             ARGV[7]  how long it is kept, ms; '' for ever
-- ARGV[5]  purpose                              ARGV[8]  most bytes of all files of the tenant; '' for no limit
--
-- Returns {'ok'} (also for a repeat), {'late'} if its bytes are being deleted, or {'full', bytes that are used}.

local ref, bytes = ARGV[3], tonumber(ARGV[6])
if redis.call('EXISTS', tenant_key(ref, 'file')) == 1 then return {'ok'} end
local due = tonumber(redis.call('ZSCORE', FILES_DUE, ref))
if not due or due <= NOW then return {'late'} end
local used = tonumber(redis.call('GET', owned_key(split(ref), 'filed')) or 0)
if ARGV[8] ~= '' and used + bytes > tonumber(ARGV[8]) then return {'full', used} end
record_file(ref, ARGV[4], ARGV[5], bytes, ARGV[7])
return {'ok'}

-- expect_file: say that bytes are being stored for a file, which are deleted if it is not recorded in time.
--
-- ARGV[3]  ref                                  ARGV[4]  by when it is recorded at the latest, ms from now

if redis.call('EXISTS', tenant_key(ARGV[3], 'file')) == 0 then
  redis.call('ZADD', FILES_DUE, NOW + tonumber(ARGV[4]), ARGV[3])
end

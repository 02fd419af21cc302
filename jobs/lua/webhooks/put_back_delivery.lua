-- put_back_delivery: an announced delivery whose message was not published waits again.
--
-- ARGV[3]  ref
--
-- Returns 1, or 0 if it is not announced.

local delivery = read_delivery(ARGV[3])
if delivery == nil or delivery.newer or delivery.place ~= 'announced' then return 0 end
land(delivery)
wait_until(delivery, NOW)
return 1

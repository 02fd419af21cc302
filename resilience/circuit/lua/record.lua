-- record: a call has ended. Its outcome counts if the circuit has not moved since its permit was given; a probe's, while
-- its lease holds.
--
-- ARGV[4]  id of the probe, '' for any other call    ARGV[6]  'success', 'failure' or 'ignored'
-- ARGV[5]  period of the permit                      ARGV[7]  1 if the call was slow, else 0
-- ARGV[8]  how much of its time the circuit stays open if it opens now, near 1
-- ARGV[9]  how many calls, which were no probes unless it is one, have ended alike
--
-- Returns the view.

local id = ARGV[4] ~= '' and ARGV[4] or nil
circuit:record(id, tonumber(ARGV[5]), ARGV[6], ARGV[7] == '1', tonumber(ARGV[8]), tonumber(ARGV[9]))
return circuit:view()

-- admit: say how the circuit stands, and take the place of a probe in one that is half_open.
--
-- ARGV[4]  id of the probe; the same again means that the answer was lost on the way. '' takes no place
--
-- Returns 1 if the place is taken, else 0; then the view.

local is_probe = false
if ARGV[4] ~= '' then
  local _
  _, is_probe = circuit:pass(ARGV[4], circuit.rules.lease)
end
circuit:keep()
local answer = circuit:view()
table.insert(answer, 1, is_probe and 1 or 0)
return answer

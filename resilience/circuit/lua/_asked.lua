-- Shared by every script of one circuit: what all of them are given, and the circuit.
-- The loader puts it before each, and what a circuit is before it: jobs/lua/_circuit.lua (resilience/circuit/shared.py).
--
-- KEYS[1]  prefix of all keys
-- ARGV[1]  the circuit's key
-- ARGV[2]  JSON: its rules
-- ARGV[3]  JSON: what a process has counted by itself, {field: number}; '' for nothing

local clock = redis.call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)
local circuit = Circuit.read(KEYS[1], ARGV[1], cjson.decode(ARGV[2]), NOW)

if ARGV[3] ~= '' then
  for field, number in pairs(cjson.decode(ARGV[3])) do circuit:add(field, number) end
  circuit:keep()
end

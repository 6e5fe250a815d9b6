--[[
  Makes an incarnation of a host part of a pool, or says that it still is.

  KEYS[1] agents  hash: host -> 'state beat incarnation facts'; states: live, draining, lost, left
  ARGV[1] host  ARGV[2] incarnation  ARGV[3] facts, opaque here

  Returns 'joined'; 'fenced' when this incarnation was declared lost, and what it runs given to others; 'taken' when
  another incarnation has the name and lives.
]]
local known = redis.call('HGET', KEYS[1], ARGV[1])
local beat = 0
if known then
  local state, count, incarnation = string.match(known, '^(%S+) (%d+) (%S+)')
  if incarnation == ARGV[2] and state == 'lost' then return 'fenced' end
  if incarnation ~= ARGV[2] and (state == 'live' or state == 'draining') then return 'taken' end
  beat = tonumber(count)
end
redis.call('HSET', KEYS[1], ARGV[1], 'live ' .. (beat + 1) .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
return 'joined'

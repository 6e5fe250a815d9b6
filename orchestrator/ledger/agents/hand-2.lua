--[[
  Hands an attempt to an incarnation of a host that takes work, once.

  KEYS[1] agents  hash: host -> 'state beat incarnation facts'
  KEYS[2] handed  hash: attempt -> 'state host incarnation detail'
  ARGV[1] attempt  ARGV[2] host  ARGV[3] incarnation  ARGV[4] detail of an attempt whose host takes nothing any more

  Returns its record: the new one, or the one that was there before.
]]
local there = redis.call('HGET', KEYS[2], ARGV[1])
if there then return there end
local known = redis.call('HGET', KEYS[1], ARGV[2])
local state, incarnation
if known then state, incarnation = string.match(known, '^(%S+) %d+ (%S+)') end
local record
if state == 'live' and incarnation == ARGV[3] then
  record = 'asked ' .. ARGV[2] .. ' ' .. ARGV[3] .. ' '
else
  record = 'over ' .. ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
end
redis.call('HSET', KEYS[2], ARGV[1], record)
return record

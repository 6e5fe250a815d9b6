--[[
  Moves an attempt from one state to the next, if it is in one of those that the caller expects. Of an agent that starts it
  and a control plane that takes it back at once, one is first, and both know which.

  KEYS[1] handed  hash: attempt -> 'state host incarnation detail'
  ARGV[1] attempt  ARGV[2] host  ARGV[3] incarnation: both as recorded, or '' for whichever
  ARGV[4] states that it may come from, each between spaces; ' none ' is no record
  ARGV[5] its new state, or 'none' to forget it  ARGV[6] its new detail

  Returns {1, record} or {0, record that is there}; '' for no record.
]]
local there = redis.call('HGET', KEYS[1], ARGV[1])
local state, host, incarnation = 'none', ARGV[2], ARGV[3]
if there then
  state, host, incarnation = string.match(there, '^(%S+) (%S+) (%S+)')
  if ARGV[2] ~= '' and (host ~= ARGV[2] or incarnation ~= ARGV[3]) then return { 0, there } end
end
if not string.find(ARGV[4], ' ' .. state .. ' ', 1, true) then return { 0, there or '' } end
if ARGV[5] == 'none' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return { 1, '' }
end
if host == '' then host, incarnation = '-', '-' end
local record = ARGV[5] .. ' ' .. host .. ' ' .. incarnation .. ' ' .. ARGV[6]
redis.call('HSET', KEYS[1], ARGV[1], record)
return { 1, record }

--[[
  Notes that the store has an aggregate's events up to a version. Later ones stay to be mirrored; going back is ignored.

  KEYS[1] unmirrored  hash: aggregate -> 'from to'
  ARGV[1] aggregate  ARGV[2] version that the store has now
]]
local pending = redis.call('HGET', KEYS[1], ARGV[1])
if not pending then return 0 end
local from, to = string.match(pending, '^(%d+) (%d+)$')
local mirrored = tonumber(ARGV[2])
if mirrored >= tonumber(to) then return redis.call('HDEL', KEYS[1], ARGV[1]) end
if mirrored > tonumber(from) then redis.call('HSET', KEYS[1], ARGV[1], mirrored .. ' ' .. to) end
return 0

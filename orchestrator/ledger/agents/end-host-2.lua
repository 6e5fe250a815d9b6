--[[
  Takes an incarnation out of its pool, and with it ends all that it was handed and that is not over: both happen, or
  neither, so that a host that comes back in the same moment isn't lost and alive at once.

  KEYS[1] agents  hash: host -> 'state beat incarnation facts'
  KEYS[2] handed  hash: attempt -> 'state host incarnation detail'
  ARGV[1] host  ARGV[2] incarnation  ARGV[3] beat that was the last one heard, or '' where the host itself says so
  ARGV[4] its new state: lost or left  ARGV[5] detail of the attempts that end with it

  Returns the attempts that end; or false when it has shown a sign of life since, or is not there any more.
]]
local known = redis.call('HGET', KEYS[1], ARGV[1])
local facts, count = '{}', 0
if known then
  local state, beat, incarnation, rest = string.match(known, '^(%S+) (%d+) (%S+) (.*)$')
  if incarnation ~= ARGV[2] or (state ~= 'live' and state ~= 'draining') then return false end
  if ARGV[3] ~= '' and beat ~= ARGV[3] then return false end
  facts, count = rest, beat
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4] .. ' ' .. count .. ' ' .. ARGV[2] .. ' ' .. facts)

local ended = {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local state, host, incarnation = string.match(all[i + 1], '^(%S+) (%S+) (%S+)')
  if host == ARGV[1] and incarnation == ARGV[2] and state ~= 'over' and state ~= 'revoked' then
    redis.call('HSET', KEYS[2], all[i], 'over ' .. host .. ' ' .. incarnation .. ' ' .. ARGV[5])
    ended[#ended + 1] = all[i]
  end
end
return ended

--[[
  Appends events to an aggregate if it still has as many as the caller saw, and with them gives back what the attempts
  that they end had reserved: both happen, or neither.

  KEYS[1] log           list: the aggregate's events, each behind the nonce of the call that appended it
  KEYS[2] index         sorted set: aggregates of this kind by the time of their first event
  KEYS[3] unmirrored    hash: aggregate -> 'from to', the events that the store doesn't have yet
  KEYS[4] reservations  hash: attempt -> what it has reserved
  KEYS[5] ended         sorted set: attempts that are over, by when
  KEYS[6] tally         hash: what the reservations come to, host by host; see reserve-4.lua
  ARGV[1] aggregate  ARGV[2] version expected  ARGV[3] nonce  ARGV[4] time of the first event, ms
  ARGV[5] now, ms  ARGV[6] forget attempts that ended before, ms  ARGV[7] '1': the store has these events, and those before
  ARGV[8] run id of the server that the caller knows  ARGV[9] number of attempts that end, then these, then the events

  Returns {1, version}, or {0, version} when somebody was faster, or {-1, 0} when this is another server: it may have
  come back older than it went, and nothing is written to it before its data have been compared.
  The same call again (its reply was lost, so the client sent it once more) finds its own nonce and says what it said before.
]]
local aggregate, expected, nonce, now = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[5]
if string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= ARGV[8] then return { -1, 0 } end

local attempts = tonumber(ARGV[9])
local first = 10 + attempts
local count = #ARGV - first + 1
local version = redis.call('LLEN', KEYS[1])

if version ~= expected then
  local there = redis.call('LINDEX', KEYS[1], expected)
  if there and string.sub(there, 1, #nonce) == nonce then return { 1, expected + count } end
  return { 0, version }
end

for i = first, #ARGV do redis.call('RPUSH', KEYS[1], nonce .. ARGV[i]) end
if expected == 0 then redis.call('ZADD', KEYS[2], 'NX', ARGV[4], aggregate) end

-- What the store has it has from the first event on, also what a server that came back older takes for not mirrored.
if ARGV[7] == '1' then
  redis.call('HDEL', KEYS[3], aggregate)
else
  local pending = redis.call('HGET', KEYS[3], aggregate)
  local from = pending and string.match(pending, '^%d+') or expected
  redis.call('HSET', KEYS[3], aggregate, from .. ' ' .. (expected + count))
end

local function tally(value, by)
  local had = cjson.decode(value)
  if had.cores > 0 then redis.call('HINCRBY', KEYS[6], 'cores\n' .. had.host, by * had.cores) end
  for id in string.gmatch(had.gpus, '[^,]+') do redis.call('HINCRBY', KEYS[6], 'gpu\n' .. had.host .. '\n' .. id, by) end
  redis.call('HINCRBY', KEYS[6], 'attempts', by)
end

for i = 10, first - 1 do
  local given = redis.call('HGET', KEYS[4], ARGV[i])
  if given and redis.call('EXISTS', KEYS[6]) == 1 then tally(given, -1) end
  redis.call('HDEL', KEYS[4], ARGV[i])
  redis.call('ZADD', KEYS[5], now, ARGV[i])
end
if attempts > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', '(' .. ARGV[6]) end
return { 1, expected + count }

-- ARGV: node, lease, most jobs to take (0 = none), most predicted seconds to take, placement JSON for them,
-- then per result: id, attempt, state, seconds ago it started, result JSON, error JSON.
-- Returns {verdicts, work orders}; a verdict is 'ok' or 'stale' (another attempt is current: the result is dropped).
local node, lease = ARGV[1], ARGV[2]
local most, budget, placement = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local verdicts, orders = {}, {}
for i = 6, #ARGV, 6 do
  local id, attempt, state = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local job = redis.call('HMGET', 'job:' .. id, 'state', 'attempt', 'lease')
  if job[1] == 'running' and job[2] == attempt and job[3] == lease then
    local ago = tonumber(ARGV[i + 3])
    redis.call('HSET', 'job:' .. id, 'result', ARGV[i + 4], 'error', ARGV[i + 5],
      'started_at', string.format('%.6f', now - ago))
    unbind(id)
    transition(id, state, state, '')
    redis.call('HINCRBY', 'worker:' .. node, 'tasks_processed', 1)
    if state == 'done' then
      local bucket = 'stats:done:' .. math.floor(now / 10)
      redis.call('INCR', bucket)
      redis.call('EXPIRE', bucket, 600)
    end
    verdicts[#verdicts + 1] = 'ok'
  elseif job[1] == state and job[2] == attempt then
    verdicts[#verdicts + 1] = 'ok' -- the answer to an earlier call was lost on the way
  else
    verdicts[#verdicts + 1] = 'stale'
  end
end

local held = redis.call('ZSCORE', 'worker:' .. node .. ':running', lease)
if held then
  -- Jobs taken by an earlier call whose answer was lost: hand them over again.
  for _, id in ipairs(redis.call('SMEMBERS', 'lease:' .. lease)) do
    if redis.call('HGET', 'job:' .. id, 'state') == 'running' then orders[#orders + 1] = work_order(id) end
  end
  if #orders == 0 and most > 0 and redis.call('HGET', 'worker:' .. node, 'mode') == 'active' then
    local alone_here = redis.call('SCARD', 'workers:active') < 2
    local spent = 0
    for _, id in ipairs(redis.call('ZRANGE', 'backlog', 0, most + 7)) do
      local job = redis.call('HMGET', 'job:' .. id, 'cost', 'avoid', 'alone')
      local cost = tonumber(job[1]) or 0
      if alone_here or job[2] ~= node then
        if #orders > 0 and (spent + cost > budget or job[3] == '1') then break end
        bind(id, node, lease, placement)
        transition(id, 'running', 'taken', '')
        redis.call('HSET', 'job:' .. id, 'started_at', stamp)
        orders[#orders + 1] = work_order(id)
        spent = spent + cost
        if #orders >= most or job[3] == '1' then break end
      end
    end
  end
  if #orders == 0 then
    redis.call('ZREM', 'worker:' .. node .. ':running', lease)
    redis.call('DEL', 'lease:' .. lease)
  end
end
return {verdicts, orders}

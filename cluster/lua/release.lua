-- ARGV: node, lease ('' = every lease of the node), word for the timeline, detail, '1' if running work was lost,
-- most lost attempts, most jobs in this call; where it is known over which job of the lease the process died, also that
-- job ('' = over none), its step and the signal. Returns how many jobs went back; fewer than the limit means all.
local node, only, word, detail = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local lost, max_lost, most = ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7])
local culprit, step, signal = ARGV[8], tonumber(ARGV[9]), ARGV[10]
local jobs = redis.call('HGETALL', 'worker:' .. node .. ':jobs')
local together = {}
for i = 1, #jobs, 2 do
  if redis.call('HGET', 'job:' .. jobs[i], 'state') == 'running' then
    together[jobs[i + 1]] = (together[jobs[i + 1]] or 0) + 1
  end
end

local function count_lost(id)
  local key = 'job:' .. id
  redis.call('HSET', key, 'avoid', node)
  if culprit then redis.call('HSET', key, 'alone', '1') end -- so that it takes nobody else with it
  if redis.call('HINCRBY', key, 'lost', 1) < max_lost then return requeue(id, word, detail) end
  unbind(id)
  redis.call('HSET', key, 'error', cjson.encode({type = 'lost', step = step or cjson.null,
    signal = signal and signal ~= '' and signal or cjson.null,
    detail = 'the process that worked on this image died ' .. max_lost .. ' times; last on ' .. node .. ': ' .. detail}))
  transition(id, 'quarantined', 'quarantined', detail)
end

local moved = 0
for i = 1, #jobs, 2 do
  local id, lease = jobs[i], jobs[i + 1]
  if (only == '' or only == lease) and moved < most then
    moved = moved + 1
    if not lost or redis.call('HGET', 'job:' .. id, 'state') ~= 'running' then
      requeue(id, word, detail)
    elseif culprit and culprit ~= id then
      requeue(id, 'returned', (culprit == '' and '' or 'another image of its message was in hand: ') .. detail)
    elseif not culprit and together[lease] > 1 then
      -- Of several that shared the process nobody knows which was in hand: none is blamed, each runs alone next.
      redis.call('HSET', 'job:' .. id, 'avoid', node, 'alone', '1')
      requeue(id, word, detail)
    else
      count_lost(id)
    end
  end
end
if moved < most then
  if only == '' then
    redis.call('DEL', 'worker:' .. node .. ':waiting', 'worker:' .. node .. ':running')
  else
    redis.call('ZREM', 'worker:' .. node .. ':waiting', only)
    redis.call('ZREM', 'worker:' .. node .. ':running', only)
    redis.call('DEL', 'lease:' .. only)
  end
end
touch(node)
return moved

BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id VARCHAR(32) NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	path TEXT NOT NULL, 
	files JSON NOT NULL, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "artifacts" VALUES('53a78e5d2819052d4dc56b59debb50a3','sucfkd8r',3,'pending','/artifacts/53a78e5d2819052d4dc56b59debb50a3','{}',NULL,'2026-11-01 01:56:20.075848',NULL);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'sucfkd8r',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 01:56:20.017814');
INSERT INTO "candidates" VALUES(2,'sucfkd8r',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 01:56:20.038397');
INSERT INTO "candidates" VALUES(3,'sucfkd8r',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 01:56:20.047717');
INSERT INTO "candidates" VALUES(4,'sucfkd8r',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 01:56:20.053607');
INSERT INTO "candidates" VALUES(5,'sucfkd8r',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 01:56:20.066948');
INSERT INTO "candidates" VALUES(6,'p7wuzupi',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 01:56:20.107850');
INSERT INTO "candidates" VALUES(7,'p7wuzupi',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 01:56:20.117059');
INSERT INTO "candidates" VALUES(8,'p7wuzupi',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 01:56:20.125931');
INSERT INTO "candidates" VALUES(9,'p7wuzupi',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 01:56:20.129313');
INSERT INTO "candidates" VALUES(10,'bcecirde',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 01:56:20.148527');
INSERT INTO "candidates" VALUES(11,'bcecirde',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 01:56:20.157778');
INSERT INTO "candidates" VALUES(12,'bcecirde',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 01:56:20.166446');
INSERT INTO "candidates" VALUES(13,'bcecirde',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 01:56:20.170078');
INSERT INTO "candidates" VALUES(14,'bcecirde',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 01:56:20.182603');
CREATE TABLE "evaluations" (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	block INTEGER DEFAULT '-1' NOT NULL, 
	num_items INTEGER DEFAULT '0' NOT NULL, 
	items_digest VARCHAR(16), 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split_block UNIQUE (candidate_id, split, block)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 01:56:20.025445','2026-11-01 01:56:20.028736','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(2,1,'search','done',1,'worker-1','2026-11-01 01:56:20.034225','2026-11-01 01:56:20.036037','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(3,2,'search','done',1,'worker-1','2026-11-01 01:56:20.040574','2026-11-01 01:56:20.042419','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(4,2,'search','done',1,'worker-1','2026-11-01 01:56:20.044471','2026-11-01 01:56:20.046199','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(5,3,'search','infeasible',0,NULL,NULL,'2026-11-01 01:56:20.051342','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(6,4,'search','lost',1,'worker-0','2026-11-01 01:56:20.055622','2026-11-01 01:56:20.057354','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(7,4,'search','done',1,'worker-1','2026-11-01 01:56:20.060058','2026-11-01 01:56:20.061916','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(8,4,'search','done',1,'worker-1','2026-11-01 01:56:20.063807','2026-11-01 01:56:20.065411','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(9,5,'search','done',1,'worker-1','2026-11-01 01:56:20.068981','2026-11-01 01:56:20.070583','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": null}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(10,5,'search','done',1,'worker-1','2026-11-01 01:56:20.072527','2026-11-01 01:56:20.074307','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(11,4,'selection','done',1,'worker-1','2026-11-01 01:56:20.081135','2026-11-01 01:56:20.083108','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,2,NULL);
INSERT INTO "evaluations" VALUES(12,4,'test','done',1,'worker-1','2026-11-01 01:56:20.086332','2026-11-01 01:56:20.088198','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,3,'dfa461907d63d269');
INSERT INTO "evaluations" VALUES(13,6,'search','done',1,'worker-1','2026-11-01 01:56:20.109953','2026-11-01 01:56:20.111841','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(14,6,'search','done',1,'worker-1','2026-11-01 01:56:20.113806','2026-11-01 01:56:20.115446','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(15,7,'search','done',1,'worker-1','2026-11-01 01:56:20.119048','2026-11-01 01:56:20.120757','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(16,7,'search','done',1,'worker-1','2026-11-01 01:56:20.122691','2026-11-01 01:56:20.124301','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(17,8,'search','infeasible',0,NULL,NULL,'2026-11-01 01:56:20.127812','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(18,9,'search','lost',1,'worker-0','2026-11-01 01:56:20.131142','2026-11-01 01:56:20.133035','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(19,9,'search','done',1,'worker-1','2026-11-01 01:56:20.134573','2026-11-01 01:56:20.136159','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(20,9,'search','done',1,'worker-1','2026-11-01 01:56:20.138050','2026-11-01 01:56:20.139663','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(21,10,'search','done',1,'worker-1','2026-11-01 01:56:20.150509','2026-11-01 01:56:20.152328','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(22,10,'search','done',1,'worker-1','2026-11-01 01:56:20.154526','2026-11-01 01:56:20.156155','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(23,11,'search','done',1,'worker-1','2026-11-01 01:56:20.159707','2026-11-01 01:56:20.161404','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(24,11,'search','done',1,'worker-1','2026-11-01 01:56:20.163177','2026-11-01 01:56:20.164781','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(25,12,'search','infeasible',0,NULL,NULL,'2026-11-01 01:56:20.168445','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(26,13,'search','lost',1,'worker-0','2026-11-01 01:56:20.172188','2026-11-01 01:56:20.173889','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(27,13,'search','done',1,'worker-1','2026-11-01 01:56:20.175475','2026-11-01 01:56:20.177352','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(28,13,'search','done',1,'worker-1','2026-11-01 01:56:20.179250','2026-11-01 01:56:20.180965','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(29,14,'search','running',1,'worker-1','2026-11-01 01:56:20.184476',NULL,'{}',0,0,NULL,'{}',NULL,-1,0,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'sucfkd8r',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 01:56:20.009545');
INSERT INTO "events" VALUES(2,'sucfkd8r',2,'state','{"from": "created", "to": "running", "driver": "node-1:6635", "error": null}','2026-11-01 01:56:20.013403');
INSERT INTO "events" VALUES(3,'sucfkd8r',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline", "block": null}','2026-11-01 01:56:20.017814');
INSERT INTO "events" VALUES(4,'sucfkd8r',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.025445');
INSERT INTO "events" VALUES(5,'sucfkd8r',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 01:56:20.028736');
INSERT INTO "events" VALUES(6,'sucfkd8r',6,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.034225');
INSERT INTO "events" VALUES(7,'sucfkd8r',7,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 01:56:20.036037');
INSERT INTO "events" VALUES(8,'sucfkd8r',8,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline", "block": null}','2026-11-01 01:56:20.038397');
INSERT INTO "events" VALUES(9,'sucfkd8r',9,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.040574');
INSERT INTO "events" VALUES(10,'sucfkd8r',10,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 01:56:20.042419');
INSERT INTO "events" VALUES(11,'sucfkd8r',11,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.044471');
INSERT INTO "events" VALUES(12,'sucfkd8r',12,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 01:56:20.046199');
INSERT INTO "events" VALUES(13,'sucfkd8r',13,'ask','{"candidate_id": 3, "number": 2, "kind": "search", "block": null}','2026-11-01 01:56:20.047717');
INSERT INTO "events" VALUES(14,'sucfkd8r',14,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 01:56:20.051342');
INSERT INTO "events" VALUES(15,'sucfkd8r',15,'ask','{"candidate_id": 4, "number": 3, "kind": "search", "block": null}','2026-11-01 01:56:20.053607');
INSERT INTO "events" VALUES(16,'sucfkd8r',16,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 01:56:20.055622');
INSERT INTO "events" VALUES(17,'sucfkd8r',17,'lost','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 01:56:20.057354');
INSERT INTO "events" VALUES(18,'sucfkd8r',18,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.060058');
INSERT INTO "events" VALUES(19,'sucfkd8r',19,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 01:56:20.061916');
INSERT INTO "events" VALUES(20,'sucfkd8r',20,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.063807');
INSERT INTO "events" VALUES(21,'sucfkd8r',21,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 01:56:20.065411');
INSERT INTO "events" VALUES(22,'sucfkd8r',22,'ask','{"candidate_id": 5, "number": 4, "kind": "search", "block": null}','2026-11-01 01:56:20.066948');
INSERT INTO "events" VALUES(23,'sucfkd8r',23,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.068981');
INSERT INTO "events" VALUES(24,'sucfkd8r',24,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "fitness": 0.5714285714285714}','2026-11-01 01:56:20.070583');
INSERT INTO "events" VALUES(25,'sucfkd8r',25,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.072527');
INSERT INTO "events" VALUES(26,'sucfkd8r',26,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "fitness": 0.4285714285714286}','2026-11-01 01:56:20.074307');
INSERT INTO "events" VALUES(27,'sucfkd8r',27,'export','{"artifact": "53a78e5d2819052d4dc56b59debb50a3", "number": 3, "state": "pending", "error": null, "by": "ann"}','2026-11-01 01:56:20.075848');
INSERT INTO "events" VALUES(28,'sucfkd8r',28,'start','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.081135');
INSERT INTO "events" VALUES(29,'sucfkd8r',29,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "fitness": 0.3571428571428571}','2026-11-01 01:56:20.083108');
INSERT INTO "events" VALUES(30,'sucfkd8r',30,'start','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.086332');
INSERT INTO "events" VALUES(31,'sucfkd8r',31,'measure','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "fitness": 0.23809523809523805}','2026-11-01 01:56:20.088198');
INSERT INTO "events" VALUES(32,'sucfkd8r',32,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 01:56:20.090421');
INSERT INTO "events" VALUES(33,'sucfkd8r',33,'state','{"from": "running", "to": "finished", "driver": "node-1:6635", "error": null}','2026-11-01 01:56:20.099570');
INSERT INTO "events" VALUES(34,'p7wuzupi',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 01:56:20.104403');
INSERT INTO "events" VALUES(35,'p7wuzupi',2,'state','{"from": "created", "to": "running", "driver": "node-1:6635", "error": null}','2026-11-01 01:56:20.105632');
INSERT INTO "events" VALUES(36,'p7wuzupi',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline", "block": null}','2026-11-01 01:56:20.107850');
INSERT INTO "events" VALUES(37,'p7wuzupi',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.109953');
INSERT INTO "events" VALUES(38,'p7wuzupi',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 01:56:20.111841');
INSERT INTO "events" VALUES(39,'p7wuzupi',6,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.113806');
INSERT INTO "events" VALUES(40,'p7wuzupi',7,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 01:56:20.115446');
INSERT INTO "events" VALUES(41,'p7wuzupi',8,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline", "block": null}','2026-11-01 01:56:20.117059');
INSERT INTO "events" VALUES(42,'p7wuzupi',9,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.119048');
INSERT INTO "events" VALUES(43,'p7wuzupi',10,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 01:56:20.120757');
INSERT INTO "events" VALUES(44,'p7wuzupi',11,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.122691');
INSERT INTO "events" VALUES(45,'p7wuzupi',12,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 01:56:20.124301');
INSERT INTO "events" VALUES(46,'p7wuzupi',13,'ask','{"candidate_id": 8, "number": 2, "kind": "search", "block": null}','2026-11-01 01:56:20.125931');
INSERT INTO "events" VALUES(47,'p7wuzupi',14,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 01:56:20.127812');
INSERT INTO "events" VALUES(48,'p7wuzupi',15,'ask','{"candidate_id": 9, "number": 3, "kind": "search", "block": null}','2026-11-01 01:56:20.129313');
INSERT INTO "events" VALUES(49,'p7wuzupi',16,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 01:56:20.131142');
INSERT INTO "events" VALUES(50,'p7wuzupi',17,'lost','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 01:56:20.133035');
INSERT INTO "events" VALUES(51,'p7wuzupi',18,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.134573');
INSERT INTO "events" VALUES(52,'p7wuzupi',19,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 01:56:20.136159');
INSERT INTO "events" VALUES(53,'p7wuzupi',20,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.138050');
INSERT INTO "events" VALUES(54,'p7wuzupi',21,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 01:56:20.139663');
INSERT INTO "events" VALUES(55,'p7wuzupi',22,'state','{"from": "running", "to": "interrupted", "driver": "node-1:6635", "error": null}','2026-11-01 01:56:20.142514');
INSERT INTO "events" VALUES(56,'bcecirde',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 01:56:20.145460');
INSERT INTO "events" VALUES(57,'bcecirde',2,'state','{"from": "created", "to": "running", "driver": "node-1:6635", "error": null}','2026-11-01 01:56:20.146511');
INSERT INTO "events" VALUES(58,'bcecirde',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline", "block": null}','2026-11-01 01:56:20.148527');
INSERT INTO "events" VALUES(59,'bcecirde',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.150509');
INSERT INTO "events" VALUES(60,'bcecirde',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 01:56:20.152328');
INSERT INTO "events" VALUES(61,'bcecirde',6,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.154526');
INSERT INTO "events" VALUES(62,'bcecirde',7,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 01:56:20.156155');
INSERT INTO "events" VALUES(63,'bcecirde',8,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline", "block": null}','2026-11-01 01:56:20.157778');
INSERT INTO "events" VALUES(64,'bcecirde',9,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.159707');
INSERT INTO "events" VALUES(65,'bcecirde',10,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 01:56:20.161404');
INSERT INTO "events" VALUES(66,'bcecirde',11,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.163177');
INSERT INTO "events" VALUES(67,'bcecirde',12,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 01:56:20.164781');
INSERT INTO "events" VALUES(68,'bcecirde',13,'ask','{"candidate_id": 12, "number": 2, "kind": "search", "block": null}','2026-11-01 01:56:20.166446');
INSERT INTO "events" VALUES(69,'bcecirde',14,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 01:56:20.168445');
INSERT INTO "events" VALUES(70,'bcecirde',15,'ask','{"candidate_id": 13, "number": 3, "kind": "search", "block": null}','2026-11-01 01:56:20.170078');
INSERT INTO "events" VALUES(71,'bcecirde',16,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 01:56:20.172188');
INSERT INTO "events" VALUES(72,'bcecirde',17,'lost','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 01:56:20.173889');
INSERT INTO "events" VALUES(73,'bcecirde',18,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.175475');
INSERT INTO "events" VALUES(74,'bcecirde',19,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 01:56:20.177352');
INSERT INTO "events" VALUES(75,'bcecirde',20,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.179250');
INSERT INTO "events" VALUES(76,'bcecirde',21,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 01:56:20.180965');
INSERT INTO "events" VALUES(77,'bcecirde',22,'ask','{"candidate_id": 14, "number": 4, "kind": "search", "block": null}','2026-11-01 01:56:20.182603');
INSERT INTO "events" VALUES(78,'bcecirde',23,'start','{"candidate_id": 14, "number": 4, "split": "search", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 01:56:20.184476');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0005');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, owner VARCHAR(64) DEFAULT '' NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, wanted VARCHAR(16), revision INTEGER DEFAULT '1' NOT NULL, budget JSON, workers INTEGER, launch JSON, control_seq INTEGER DEFAULT '0' NOT NULL, last_seq INTEGER DEFAULT '0' NOT NULL, num_candidates INTEGER DEFAULT '0' NOT NULL, num_scored INTEGER DEFAULT '0' NOT NULL, num_infeasible INTEGER DEFAULT '0' NOT NULL, num_running INTEGER DEFAULT '0' NOT NULL, num_done INTEGER DEFAULT '0' NOT NULL, num_lost INTEGER DEFAULT '0' NOT NULL, num_search_items BIGINT DEFAULT '0' NOT NULL, prompt_tokens BIGINT DEFAULT '0' NOT NULL, generated_tokens BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('sucfkd8r','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 01:56:20.004533','2026-11-01 01:56:20.099570',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,33,5,4,1,0,10,1,16,210,21);
INSERT INTO "experiments" VALUES('p7wuzupi','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 01:56:20.103371','2026-11-01 01:56:20.142514',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,22,4,3,1,0,6,1,12,120,12);
INSERT INTO "experiments" VALUES('bcecirde','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 01:56:20.144559','2026-11-01 01:56:20.185848',12.5,NULL,'{"host": "node-1", "pid": 6635, "process_started": 1795744578.53, "heartbeat": "2026-11-01T01:56:20.186031+00:00", "token": "731fce2f8f93136101aaa151bcfbdfe1"}','',0,NULL,2,NULL,NULL,NULL,0,23,5,3,1,1,6,1,12,120,12);
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(3,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(3,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(19,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(19,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(21,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(21,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(23,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(23,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(27,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(27,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE TABLE item_texts (
	source VARCHAR(16) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	prompt TEXT, 
	reference TEXT, 
	choices JSON, 
	truncated BOOLEAN NOT NULL, 
	CONSTRAINT pk_item_texts PRIMARY KEY (source, item)
);
INSERT INTO "item_texts" VALUES('c0ffee','0000000000000000','naïve ✓?','yes','["yes", "no"]',0);
INSERT INTO "item_texts" VALUES('c0ffee','0000000000000001','long',NULL,NULL,1);
CREATE TABLE requests (
	owner VARCHAR(64) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	resource TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (owner, "key")
);
CREATE TABLE search_traces (
	experiment_id VARCHAR(8) NOT NULL, 
	updates INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	items BIGINT NOT NULL, 
	state JSON NOT NULL, 
	CONSTRAINT pk_search_traces PRIMARY KEY (experiment_id, updates), 
	CONSTRAINT fk_search_traces_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "search_traces" VALUES('sucfkd8r',1,0,5,16,'{"sigma": 0.75, "eigenvalues": [1.5, 1.0]}');
CREATE TABLE tokens (
	id VARCHAR(8) NOT NULL, 
	name TEXT NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	last_used_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
CREATE INDEX ix_evaluations_items_digest ON evaluations (items_digest);
CREATE INDEX ix_experiments_state_created_at ON experiments (state, created_at);
CREATE INDEX ix_experiments_owner_state ON experiments (owner, state);
CREATE INDEX ix_events_experiment_id_kind_seq ON events (experiment_id, kind, seq);
CREATE INDEX ix_requests_at ON requests (at);
CREATE INDEX ix_artifacts_experiment_id_created_at ON artifacts (experiment_id, created_at);
CREATE INDEX ix_artifacts_state ON artifacts (state);
CREATE INDEX ix_candidates_overview ON candidates (experiment_id, number, kind, state, fitness, created_at, id);
COMMIT;
